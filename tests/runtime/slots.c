/* SPDX-License-Identifier: Apache-2.0 */
/* Slots in memory, and the check of power cuts, as a library for the tests. */

#include <stddef.h>

#include "power_cuts.h"

int keep(void *memory, uint32_t page_bytes, uint32_t pages, uint32_t model, void *data, uint32_t bytes,
         uint32_t *sequence);
int take(void *memory, uint32_t page_bytes, uint32_t pages, uint32_t model, void *data, uint32_t bytes,
         int32_t *status);
uint32_t checksum(const void *data, uint32_t bytes, uint32_t first);
uint32_t cut_everywhere(uint32_t saves, uint32_t *cuts);

int keep(void *memory, uint32_t page_bytes, uint32_t pages, uint32_t model, void *data, uint32_t bytes,
         uint32_t *sequence) {
    const tk_flash chip = tk_flash_memory(memory, page_bytes, pages);
    const tk_span span = {data, bytes};
    const tk_slots here = {&chip, &span, 1, model};
    return tk_slots_save(&here, sequence);
}

int take(void *memory, uint32_t page_bytes, uint32_t pages, uint32_t model, void *data, uint32_t bytes,
         int32_t *status) {
    const tk_flash chip = tk_flash_memory(memory, page_bytes, pages);
    const tk_span span = {data, bytes};
    const tk_slots here = {&chip, &span, 1, model};
    tk_slot found[2];
    const tk_slots_status result = tk_slots_load(&here, found);
    for (int i = 0; i < 2; ++i) status[i] = found[i].status;
    return result;
}

uint32_t checksum(const void *data, uint32_t bytes, uint32_t first) {
    return tk_crc32(tk_crc32(0, data, first), (const uint8_t *)data + first, bytes - first);
}

uint32_t cut_everywhere(uint32_t saves, uint32_t *cuts) { return power_cuts(saves, cuts); }
