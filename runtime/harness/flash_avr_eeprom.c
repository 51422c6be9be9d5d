/* SPDX-License-Identifier: Apache-2.0 */
/* The EEPROM of an AVR (ATmega328P data sheet, DS40002061, 8.4 and 8.6). It erases and writes bytes, each of which takes
 * 1.8 ms; in the order of flash, so that a save cut by a loss of power is as safe. A write must follow its permission
 * within four cycles, which no interrupt may take. */

#include <avr/interrupt.h>
#include <avr/io.h>

#include "serial.h"
#include "serial_model.h"

enum { ERASE_ONLY = 1 << EEPM0, WRITE_ONLY = 1 << EEPM1, ONES = 0xFF };

static void change(uint16_t address, uint8_t value, uint8_t mode) {
    while (EECR & 1 << EEPE) {
    }
    EEAR = address;
    EEDR = value;
    const uint8_t before = SREG;
    cli();
    EECR = mode;
    EECR |= 1 << EEMPE;
    EECR |= 1 << EEPE;
    SREG = before;
}

static uint8_t get(uint16_t address) {
    while (EECR & 1 << EEPE) {
    }
    EEAR = address;
    EECR |= 1 << EERE;
    return EEDR;
}

static int erase(const tk_flash *flash, uint32_t page) {
    uint8_t left = 0xFF;
    if (page >= flash->pages) return 1;
    const uint16_t start = (uint16_t)(TK_FLASH_ORIGIN + page * flash->page_bytes);
    for (uint16_t i = 0; i < flash->page_bytes; ++i) {
        if (get(start + i) != ONES) change(start + i, ONES, ERASE_ONLY);
        left &= get(start + i);
    }
    return left != ONES;
}

static int program(const tk_flash *flash, uint32_t offset, const uint32_t *data, uint32_t words) {
    const uint8_t *const from = (const uint8_t *)data;
    const uint16_t start = (uint16_t)(TK_FLASH_ORIGIN + offset);
    int failed = 0;
    (void)flash;
    for (uint16_t i = 0; i < 4 * words; ++i) {
        if (from[i] != ONES) change(start + i, from[i], WRITE_ONLY);
        failed |= get(start + i) != from[i];
    }
    return failed;
}

static int read(const tk_flash *flash, uint32_t offset, void *to, uint32_t bytes) {
    const uint32_t whole = flash->pages * flash->page_bytes;
    if (offset > whole || bytes > whole - offset) return 1;
    for (uint16_t i = 0; i < bytes; ++i) ((uint8_t *)to)[i] = get((uint16_t)(TK_FLASH_ORIGIN + offset) + i);
    return 0;
}

tk_flash tk_board_flash(void) {
    const tk_flash flash = {
        TK_FLASH_PAGE_BYTES, TK_FLASH_BYTES / TK_FLASH_PAGE_BYTES, 0, erase, program, read,
    };
    return flash;
}
