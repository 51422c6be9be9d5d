/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of TI's Stellaris (LM3S6965 data sheet, chapter 7), in pages of 1 KB. Address, data and a command with a key are
 * written to registers; the core waits while it runs from flash meanwhile. */

#include "flash_slots.h"

enum { ADDRESS, DATA, COMMAND };
enum { WRITE = 1u << 0, ERASE = 1u << 1 };
#define WRITE_KEY 0xA4420000u
#define MICROSECOND ((volatile uint32_t *)0x400FE140u) /* USECRL: cycles of one, less 1 */

static volatile uint32_t *const controller = (volatile uint32_t *)TK_FLASH_ADDRESS;

static void obey(uint32_t command, const volatile uint32_t *where) {
    *MICROSECOND = TK_CLOCK_HZ / 1000000u - 1;
    controller[ADDRESS] = (uint32_t)(uintptr_t)where;
    controller[COMMAND] = WRITE_KEY | command;
    while (controller[COMMAND] & command) {
    }
}

static int erase(const tk_flash *flash, uint32_t page) {
    uint32_t ones = 0xFFFFFFFFu;
    if (page >= flash->pages) return 1;
    const volatile uint32_t *const words = tk_flash_word(flash, page * flash->page_bytes);
    obey(ERASE, words);
    for (uint32_t i = 0; i < flash->page_bytes / 4; ++i) ones &= words[i];
    return ones != 0xFFFFFFFFu;
}

static int program(const tk_flash *flash, uint32_t offset, const uint32_t *data, uint32_t words) {
    for (uint32_t i = 0; i < words; ++i) {
        controller[DATA] = data[i];
        obey(WRITE, tk_flash_word(flash, offset) + i);
    }
    return tk_flash_differs(flash, offset, data, words);
}

tk_flash tk_board_flash(void) { return tk_flash_slots(erase, program); }
