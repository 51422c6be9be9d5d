/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FLASH_H
#define TK_FLASH_H

#include <stdint.h>

/* A stretch of flash, as every kind of it works: a page is erased to ones, words are programmed from ones once, bytes
 * are read. Offsets are bytes from the start of the stretch. Each function returns 0, or another number when the chip
 * says that it failed. A board's driver fills this in; `memory` is its own business. */
typedef struct tk_flash {
    uint32_t page_bytes; /* a power of two, at least 64 */
    uint32_t pages;
    void *memory;
    int (*erase)(const struct tk_flash *flash, uint32_t page);
    /* `offset` is a multiple of 32, `words` (of 32 bits) of 8: what the widest flash words ask for */
    int (*program)(const struct tk_flash *flash, uint32_t offset, const uint32_t *data, uint32_t words);
    int (*read)(const struct tk_flash *flash, uint32_t offset, void *to, uint32_t bytes);
} tk_flash;

#endif
