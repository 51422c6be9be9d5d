/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FLASH_MEMORY_H
#define TK_FLASH_MEMORY_H

#include "tk_flash.h"

/* Memory that behaves like flash: for boards whose flash nothing programs, emulated ones, and for memory that keeps its
 * content by itself, FRAM or RAM with a battery. Bits that are programmed a second time must not become ones. */

static inline int tk_flash_memory_erase(const tk_flash *flash, uint32_t page) {
    if (page >= flash->pages) return 1;
    uint32_t *const words = (uint32_t *)flash->memory + page * (flash->page_bytes / 4);
    for (uint32_t i = 0; i < flash->page_bytes / 4; ++i) words[i] = 0xFFFFFFFFu;
    return 0;
}

static inline int tk_flash_memory_program(const tk_flash *flash, uint32_t offset, const uint32_t *data,
                                          uint32_t words) {
    const uint32_t whole = flash->pages * (flash->page_bytes / 4);
    if (offset % 4 || offset / 4 > whole || words > whole - offset / 4) return 1;
    uint32_t *const to = (uint32_t *)flash->memory + offset / 4;
    int failed = 0;
    for (uint32_t i = 0; i < words; ++i) {
        to[i] &= data[i];
        failed |= to[i] != data[i];
    }
    return failed;
}

static inline int tk_flash_memory_read(const tk_flash *flash, uint32_t offset, void *to, uint32_t bytes) {
    const uint32_t whole = flash->pages * flash->page_bytes;
    if (offset > whole || bytes > whole - offset) return 1;
    const uint8_t *const from = (const uint8_t *)flash->memory + offset;
    for (uint32_t i = 0; i < bytes; ++i) ((uint8_t *)to)[i] = from[i];
    return 0;
}

/* `memory` is aligned to 4 bytes and holds `pages` pages of `page_bytes`. */
static inline tk_flash tk_flash_memory(void *memory, uint32_t page_bytes, uint32_t pages) {
    const tk_flash flash = {
        page_bytes, pages, memory, tk_flash_memory_erase, tk_flash_memory_program, tk_flash_memory_read};
    return flash;
}

#endif
