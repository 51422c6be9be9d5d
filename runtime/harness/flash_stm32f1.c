/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of ST's STM32F1 of up to 128 KB, in pages of 1 KB, programmed by halves of words (PM0063). The core waits while it
 * runs from flash meanwhile; the internal oscillator must be on. */

#include "flash_slots.h"

enum { KEY = 0x04 / 4, STATUS = 0x0C / 4, CONTROL = 0x10 / 4, ADDRESS = 0x14 / 4 };
enum {
    BUSY = 1u << 0, /* of the status */
    ERRORS = 0x14u, /* not erased before, or protected */
    CLEARED = ERRORS,
    PROGRAM = 1u << 0, /* of the control register */
    PAGE_ERASE = 1u << 1,
    START = 1u << 6,
    LOCK = 1u << 7,
};

#include "flash_stm32_control.h"

static int erase(const tk_flash *flash, uint32_t page) {
    if (page >= flash->pages) return 1;
    unlock(PAGE_ERASE);
    controller[ADDRESS] = (uint32_t)(uintptr_t)tk_flash_word(flash, page * flash->page_bytes);
    controller[CONTROL] = PAGE_ERASE | START;
    const int failed = finish();
    lock();
    return failed;
}

static int program(const tk_flash *flash, uint32_t offset, const uint32_t *data, uint32_t words) {
    volatile uint16_t *const halves = (volatile uint16_t *)tk_flash_word(flash, offset);
    int failed = 0;
    unlock(PROGRAM);
    for (uint32_t i = 0; i < 2 * words; ++i) {
        halves[i] = (uint16_t)(data[i / 2] >> 16 * (i % 2));
        failed |= finish();
    }
    lock();
    return failed | tk_flash_differs(flash, offset, data, words);
}

tk_flash tk_board_flash(void) { return tk_flash_slots(erase, program); }
