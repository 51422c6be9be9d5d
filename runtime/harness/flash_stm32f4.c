/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of ST's STM32F4 with sectors of 4 x 16, 64 and then 128 KB (RM0090, chapter 3; RM0383, chapter 3), of which the
 * slots take some of 128 KB. Whoever reads flash while it is erased, for up to 4 s, or written, waits: so does the core
 * that runs from it. */

#include "flash_slots.h"

enum { ACCESS, KEY, OPTION_KEY, STATUS, CONTROL };
enum {
    DONE = 1u << 0, /* of the status */
    ERRORS =
        0xF2u, /* what was written is protected, not aligned, of another width, or out of sequence; or failed */
    CLEARED = DONE | ERRORS,
    BUSY = 1u << 16,
    PROGRAM = 1u << 0, /* of the control register */
    SECTOR_ERASE = 1u << 1,
    SECTOR_SHIFT = 3,
    WORDS = 2u << 8, /* at once, which needs 2.7 V */
    START = 1u << 16,
};
#define LOCK (1u << 31)
#define FLASH_ORIGIN 0x08000000u

#include "flash_stm32_control.h"
#include "flash_stm32_data_cache.h"

static int erase(const tk_flash *flash, uint32_t page) {
    if (page >= flash->pages) return 1;
    const uint32_t at = (uint32_t)(uintptr_t)tk_flash_word(flash, page * flash->page_bytes);
    const uint32_t sector = 4 + (at - FLASH_ORIGIN) / TK_FLASH_PAGE_BYTES;
    unlock(WORDS | SECTOR_ERASE | sector << SECTOR_SHIFT);
    controller[CONTROL] = WORDS | SECTOR_ERASE | sector << SECTOR_SHIFT | START;
    const int failed = finish();
    lock();
    empty_data_cache();
    return failed;
}

static int program(const tk_flash *flash, uint32_t offset, const uint32_t *data, uint32_t words) {
    int failed = 0;
    unlock(WORDS | PROGRAM);
    for (uint32_t i = 0; i < words; ++i) {
        tk_flash_word(flash, offset)[i] = data[i];
        failed |= finish();
    }
    lock();
    return failed | tk_flash_differs(flash, offset, data, words);
}

tk_flash tk_board_flash(void) { return tk_flash_slots(erase, program); }
