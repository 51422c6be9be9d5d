/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of ST's STM32H743: two banks of sectors of 128 KB, programmed in units of 8 words, each once between two erases
 * (RM0433, chapter 4). A bank is written while the program runs from the other one. Reading a unit that a loss of power has
 * left half written is a bus fault: it is let pass, for the checksum of the slot tells (PM0253, 4.3.7). */

#include "flash_slots.h"

enum { KEY = 0x04 / 4, CONTROL = 0x0C / 4, STATUS = 0x10 / 4, CLEAR = 0x14 / 4, NEXT_BANK = 0x100 / 4 };
enum {
    LOCK = 1u << 0, /* of the control register */
    PROGRAM = 1u << 1,
    SECTOR_ERASE = 1u << 2,
    WIDEST = 3u << 4, /* 8 bytes at once */
    START = 1u << 7,
    SECTOR_SHIFT = 8,
    QUEUED = 7u << 0,     /* of the status: busy, words of a unit are missing, or operations wait */
    ERRORS = 0x07EE0000u, /* protected, out of sequence, not erased; or failed, or damaged */
    UNIT_WORDS = 8,
    LINE_BYTES = 32,
    LET_BUS_FAULTS_PASS = 1u << 8, /* of CCR, while faults are masked */
};
#define FLASH_ORIGIN 0x08000000u
#define FLASH_BANK_BYTES 0x100000u
#define CCR ((volatile uint32_t *)0xE000ED14u)
#define FAULTS ((volatile uint32_t *)0xE000ED28u)
#define FORGET_LINE ((volatile uint32_t *)0xE000EF5Cu) /* DCIMVAC, of the data cache */

static uint32_t place(const tk_flash *flash, uint32_t offset) {
    return (uint32_t)(uintptr_t)tk_flash_word(flash, offset) - FLASH_ORIGIN;
}

static volatile uint32_t *bank_of(const tk_flash *flash, uint32_t offset) {
    volatile uint32_t *const controller = (volatile uint32_t *)TK_FLASH_ADDRESS;
    return controller + (place(flash, offset) < FLASH_BANK_BYTES ? 0 : NEXT_BANK);
}

static void unlock(volatile uint32_t *bank, uint32_t control) {
    while (bank[STATUS] & QUEUED) {
    }
    if (bank[CONTROL] & LOCK) {
        bank[KEY] = 0x45670123u;
        bank[KEY] = 0xCDEF89ABu;
    }
    bank[CLEAR] = ERRORS;
    bank[CONTROL] = control;
}

static int finish(const volatile uint32_t *bank) {
    __asm volatile("dsb" ::: "memory");
    while (bank[STATUS] & QUEUED) {
    }
    return (bank[STATUS] & ERRORS) != 0;
}

/* The data cache still holds what was there before. */
static void forget(const tk_flash *flash, uint32_t offset, uint32_t bytes) {
    __asm volatile("dsb" ::: "memory");
    for (uint32_t at = 0; at < bytes; at += LINE_BYTES) {
        *FORGET_LINE = (uint32_t)(uintptr_t)tk_flash_word(flash, offset + at);
    }
    __asm volatile("dsb\nisb" ::: "memory");
}

static int erase(const tk_flash *flash, uint32_t page) {
    if (page >= flash->pages) return 1;
    const uint32_t offset = page * flash->page_bytes;
    volatile uint32_t *const bank = bank_of(flash, offset);
    const uint32_t number = place(flash, offset) % FLASH_BANK_BYTES / TK_FLASH_PAGE_BYTES;
    unlock(bank, WIDEST | SECTOR_ERASE | number << SECTOR_SHIFT);
    bank[CONTROL] = WIDEST | SECTOR_ERASE | number << SECTOR_SHIFT | START;
    const int failed = finish(bank);
    bank[CONTROL] = WIDEST | LOCK;
    forget(flash, offset, flash->page_bytes);
    return failed;
}

/* Read what may be damaged: as a handler of faults of the highest urgency, whose own bus faults can be ignored. */
static int read(const tk_flash *flash, uint32_t offset, void *to, uint32_t bytes) {
    uint32_t masked;
    const uint32_t before = *CCR;
    __asm volatile("mrs %0, faultmask\ncpsid f" : "=r"(masked)::"memory");
    *CCR = before | LET_BUS_FAULTS_PASS;
    __asm volatile("dsb\nisb" ::: "memory");
    const int failed = tk_flash_memory_read(flash, offset, to, bytes);
    __asm volatile("dsb\nisb" ::: "memory");
    *CCR = before;
    *FAULTS = 0xFF00u; /* those of the bus; ones clear */
    __asm volatile("msr faultmask, %0\nisb" ::"r"(masked) : "memory");
    return failed;
}

static int program(const tk_flash *flash, uint32_t offset, const uint32_t *data, uint32_t words) {
    volatile uint32_t *const bank = bank_of(flash, offset);
    int failed = 0;
    unlock(bank, WIDEST | PROGRAM);
    for (uint32_t i = 0; i < words && !failed; ++i) {
        tk_flash_word(flash, offset)[i] = data[i];
        if (i % UNIT_WORDS == UNIT_WORDS - 1) failed = finish(bank);
    }
    bank[CONTROL] = WIDEST | LOCK;
    forget(flash, offset, 4 * words);
    return failed || tk_flash_differs(flash, offset, data, words);
}

tk_flash tk_board_flash(void) {
    tk_flash flash = tk_flash_slots(erase, program);
    flash.read = read;
    return flash;
}
