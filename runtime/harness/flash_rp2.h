/* SPDX-License-Identifier: Apache-2.0 */
/* The serial flash of Raspberry Pi's RP2040 and RP2350, by functions of the boot ROM. While they work, nothing can be read
 * from flash, where the program is: what calls them lies in RAM, and interrupts are off. The file that
 * includes this one says what reading is set to, `tk_flash_reading`, and has `tk_rom_find` and the rest. */
#ifndef TK_FLASH_RP2_H
#define TK_FLASH_RP2_H

#include "flash_slots.h"

#define IN_RAM __attribute__((section(".tk_ram"), noinline))
#define FLASH_ORIGIN 0x10000000u

enum { PROGRAM_BYTES = 256, BLOCK_BYTES = 0x10000, ERASE_BLOCK = 0xD8 };

typedef struct {
    void (*connect)(void);
    void (*leave)(void); /* the mode in which flash is memory */
    void (*erase)(uint32_t offset, uint32_t bytes, uint32_t block_bytes, uint8_t block_command);
    void (*program)(uint32_t offset, const uint8_t *data, uint32_t bytes);
    void (*empty_cache)(void);
    void (*enter)(void);
} rom_functions;

static uintptr_t tk_rom_find(char first, char second);
static tk_flash_reading tk_flash_get_reading(void);     /* in RAM, as the next one */
static void tk_flash_set_reading(tk_flash_reading how); /* the ROM leaves a slow one */

static rom_functions rom;

/* Program 256 bytes, or erase a page when there are none. */
IN_RAM static void change(uint32_t offset, const uint8_t *data) {
    uint32_t masked;
    const tk_flash_reading before = tk_flash_get_reading();
    __asm volatile("mrs %0, primask\ncpsid i" : "=r"(masked)::"memory");
    rom.connect();
    rom.leave();
    if (data) {
        rom.program(offset, data, PROGRAM_BYTES);
    } else {
        rom.erase(offset, TK_FLASH_PAGE_BYTES, BLOCK_BYTES, ERASE_BLOCK);
    }
    rom.empty_cache();
    rom.enter();
    tk_flash_set_reading(before);
    __asm volatile("msr primask, %0" ::"r"(masked) : "memory");
}

/* By a pointer: RAM is further away than a branch reaches. */
static void call(uint32_t offset, const uint8_t *data) {
    void (*volatile const in_ram)(uint32_t, const uint8_t *) = change;
    rom.connect = (void (*)(void))tk_rom_find('I', 'F');
    rom.leave = (void (*)(void))tk_rom_find('E', 'X');
    rom.erase = (void (*)(uint32_t, uint32_t, uint32_t, uint8_t))tk_rom_find('R', 'E');
    rom.program = (void (*)(uint32_t, const uint8_t *, uint32_t))tk_rom_find('R', 'P');
    rom.empty_cache = (void (*)(void))tk_rom_find('F', 'C');
    rom.enter = (void (*)(void))tk_rom_find('C', 'X');
    in_ram(offset, data);
}

static int erase(const tk_flash *flash, uint32_t page) {
    if (page >= flash->pages) return 1;
    call((uint32_t)(uintptr_t)tk_flash_word(flash, page * flash->page_bytes) - FLASH_ORIGIN, 0);
    return 0;
}

/* Flash takes 256 bytes at a time, from a multiple of 256 on: those around the words are ones, which change nothing. */
static int program(const tk_flash *flash, uint32_t offset, const uint32_t *data, uint32_t words) {
    uint8_t page[PROGRAM_BYTES];
    const uint8_t *const from = (const uint8_t *)data;
    for (uint32_t done = 0; done < 4 * words;) {
        const uint32_t at = (uint32_t)(uintptr_t)tk_flash_word(flash, offset + done) - FLASH_ORIGIN;
        uint32_t place = at % PROGRAM_BYTES;
        for (uint32_t i = 0; i < PROGRAM_BYTES; ++i) page[i] = 0xFF;
        while (place < PROGRAM_BYTES && done < 4 * words) page[place++] = from[done++];
        call(at - at % PROGRAM_BYTES, page);
    }
    return tk_flash_differs(flash, offset, data, words);
}

tk_flash tk_board_flash(void) { return tk_flash_slots(erase, program); }

#endif
