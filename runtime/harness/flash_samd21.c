/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of Microchip's SAM D21 by its NVMCTRL (data sheet DS40001882, chapter 22): rows of four pages are erased, pages of
 * 64 bytes are written from a buffer. The core waits while it runs from flash meanwhile. */

#include "flash_slots.h"

enum { CONTROL_A = 0x00 / 2, CONTROL_B = 0x04 / 2, FLAGS = 0x14 / 2, STATUS = 0x18 / 2, ADDRESS = 0x1C / 4 };
enum {
    ERASE_ROW = 0xA502, /* commands, with the key to them */
    WRITE_PAGE = 0xA504,
    CLEAR_BUFFER = 0xA544,
    FORGET_CACHE = 0xA546,
    MANUAL_WRITE = 1 << 7, /* of CONTROL_B: a full buffer is not written by itself */
    READY = 1 << 0,        /* of FLAGS */
    FAILED = 0x1C,         /* of STATUS: a wrong command, a lock, an error of the flash */
};
enum { PAGE_BYTES = 64 };

static volatile uint16_t *const controller = (volatile uint16_t *)TK_FLASH_ADDRESS;

static int obey(uint16_t command, const volatile uint32_t *where) {
    while (!(controller[FLAGS] & READY)) {
    }
    controller[STATUS] = FAILED;                                                 /* ones clear */
    ((volatile uint32_t *)controller)[ADDRESS] = (uint32_t)(uintptr_t)where / 2; /* in halves of words */
    controller[CONTROL_A] = command;
    while (!(controller[FLAGS] & READY)) {
    }
    return (controller[STATUS] & FAILED) != 0;
}

static int erase(const tk_flash *flash, uint32_t page) {
    if (page >= flash->pages) return 1;
    const volatile uint32_t *const where = tk_flash_word(flash, page * flash->page_bytes);
    return obey(ERASE_ROW, where) | obey(FORGET_CACHE, where);
}

/* What is not written of a page's buffer stays ones, which change nothing. */
static int program(const tk_flash *flash, uint32_t offset, const uint32_t *data, uint32_t words) {
    int failed = 0;
    *(volatile uint32_t *)(controller + CONTROL_B) |= MANUAL_WRITE;
    for (uint32_t done = 0; done < words;) {
        volatile uint32_t *const to = tk_flash_word(flash, offset) + done;
        const uint32_t left = (PAGE_BYTES - (uint32_t)(uintptr_t)to % PAGE_BYTES) / 4;
        failed |= obey(CLEAR_BUFFER, to);
        for (uint32_t i = 0; i < left && done < words; ++i) to[i] = data[done++];
        failed |= obey(WRITE_PAGE, to);
    }
    failed |= obey(FORGET_CACHE, tk_flash_word(flash, offset));
    return failed | tk_flash_differs(flash, offset, data, words);
}

tk_flash tk_board_flash(void) { return tk_flash_slots(erase, program); }
