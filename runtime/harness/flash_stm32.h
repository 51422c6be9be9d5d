/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of ST's STM32 with error correction, which is programmed in units of several words, each once between two erases.
 * Reading a unit that a loss of power has left half written is an error that no code corrects, and a non-maskable
 * interrupt: it is let pass, for the checksum of the slot tells. The including file says where the registers are,
 * and what is another in each family. */
#ifndef TK_FLASH_STM32_H
#define TK_FLASH_STM32_H

#include "flash_slots.h"

enum {
    ERRORS = 0xFAu, /* of the status: protected, not aligned, not erased, out of sequence; or failed */
    CLEARED = ERRORS,
    PROGRAM = 1u << 0, /* of the control register */
    PAGE_ERASE = 1u << 1,
    PAGE_SHIFT = 3,
    BANK_2 = 1u << 11,
    START = 1u << 16,
};
#define LOCK (1u << 31)
#define ECC_FLAGS 0xF0000000u
#define FLASH_ORIGIN 0x08000000u
#define FLASH_BANK_BYTES 0x100000u

#include "flash_stm32_control.h"

void tk_nmi(void);
void tk_fault(void);

void tk_nmi(void) {
    if (!(controller[ECC] & ECC_FLAGS)) tk_fault();
    controller[ECC] |= ECC_FLAGS; /* ones clear */
}

static int erase(const tk_flash *flash, uint32_t page) {
    if (page >= flash->pages || !is_usable()) return 1;
    const uint32_t at = (uint32_t)(uintptr_t)tk_flash_word(flash, page * flash->page_bytes) - FLASH_ORIGIN;
    const uint32_t number = at % FLASH_BANK_BYTES / TK_FLASH_PAGE_BYTES;
    const uint32_t control = PAGE_ERASE | number << PAGE_SHIFT | (at < FLASH_BANK_BYTES ? 0 : BANK_2);
    unlock(control);
    controller[CONTROL] = control | START;
    const int failed = finish();
    lock();
    forget_cache();
    return failed;
}

static int program(const tk_flash *flash, uint32_t offset, const uint32_t *data, uint32_t words) {
    int failed = !is_usable();
    unlock(PROGRAM);
    for (uint32_t i = 0; i < words && !failed; ++i) {
        tk_flash_word(flash, offset)[i] = data[i];
        if (i % UNIT_WORDS == UNIT_WORDS - 1) failed = finish();
    }
    lock();
    return failed || tk_flash_differs(flash, offset, data, words);
}

tk_flash tk_board_flash(void) { return tk_flash_slots(erase, program); }

#endif
