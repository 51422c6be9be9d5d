/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of Nordic's nRF51 and nRF52 by their NVMC (nRF51 Series Reference Manual, chapter 6; nRF52840 Product
 * Specification, 4.3). The core stands still while it runs from flash that is being erased or written. A word may be
 * written twice between two erases; here it is written once. */

#include "flash_slots.h"

enum { READY = 0x400 / 4, CONFIG = 0x504 / 4, ERASE_PAGE = 0x508 / 4 };
enum { READ_ONLY, WRITE, ERASE };

static volatile uint32_t *const nvmc = (volatile uint32_t *)TK_FLASH_ADDRESS;

static void wait(void) {
    while (!(nvmc[READY] & 1u)) {
    }
}

static void configure(uint32_t access) {
    nvmc[CONFIG] = access;
    wait();
}

static int erase(const tk_flash *flash, uint32_t page) {
    if (page >= flash->pages) return 1;
    configure(ERASE);
    nvmc[ERASE_PAGE] = (uint32_t)(uintptr_t)tk_flash_word(flash, page * flash->page_bytes);
    wait();
    configure(READ_ONLY);
    return 0;
}

static int program(const tk_flash *flash, uint32_t offset, const uint32_t *data, uint32_t words) {
    configure(WRITE);
    for (uint32_t i = 0; i < words; ++i) {
        tk_flash_word(flash, offset)[i] = data[i];
        wait();
    }
    configure(READ_ONLY);
    return tk_flash_differs(flash, offset, data, words);
}

tk_flash tk_board_flash(void) { return tk_flash_slots(erase, program); }
