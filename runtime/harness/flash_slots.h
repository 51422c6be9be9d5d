/* SPDX-License-Identifier: Apache-2.0 */
/* The flash that the linker script leaves for slots, for the drivers flash_<driver>.c. */
#ifndef TK_FLASH_SLOTS_H
#define TK_FLASH_SLOTS_H

#include "serial.h"
#include "serial_model.h"
#include "tk_flash_memory.h"

extern uint32_t tk_slots_start[], tk_slots_end[];

/* Flash that is read as memory. */
static inline tk_flash tk_flash_slots(int (*erase)(const tk_flash *, uint32_t),
                                      int (*program)(const tk_flash *, uint32_t, const uint32_t *,
                                                     uint32_t)) {
    const uint32_t bytes = (uint32_t)((uintptr_t)tk_slots_end - (uintptr_t)tk_slots_start);
    tk_flash flash = tk_flash_memory(tk_slots_start, TK_FLASH_PAGE_BYTES, bytes / TK_FLASH_PAGE_BYTES);
    flash.erase = erase;
    flash.program = program;
    return flash;
}

/* The word at an offset, to be programmed by writing it. */
static inline volatile uint32_t *tk_flash_word(const tk_flash *flash, uint32_t offset) {
    return (volatile uint32_t *)flash->memory + offset / 4;
}

/* Does flash hold these words now? Returns 0 when it does. */
static inline int tk_flash_differs(const tk_flash *flash, uint32_t offset, const uint32_t *data,
                                   uint32_t words) {
    int differs = 0;
    for (uint32_t i = 0; i < words; ++i) differs |= tk_flash_word(flash, offset)[i] != data[i];
    return differs;
}

#endif
