/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of the RP2040 (data sheet, sections 2.8.2 and 2.8.3 for the boot ROM, 4.10.13 for the SSI). */

#include <stdint.h>

typedef uint32_t tk_flash_reading; /* what the SSI divides its clock by */

#include "flash_rp2.h"

enum { ENABLE = 0x08 / 4, DIVIDER = 0x14 / 4 };
#define SSI ((volatile uint32_t *)0x18000000u)

/* The ROM has 16-bit pointers to a table of its functions and to a function that looks them up. */
static uintptr_t tk_rom_find(char first, char second) {
    volatile uintptr_t at = 0x14; /* compilers take a constant so low for an error */
    const uint16_t *const pointers = (const uint16_t *)at;
    const uint16_t *const table = (const uint16_t *)(uintptr_t)pointers[0];
    uintptr_t (*const find)(const uint16_t *, uint32_t) =
        (uintptr_t(*)(const uint16_t *, uint32_t))(uintptr_t)pointers[2];
    return find(table, (uint32_t)first | (uint32_t)second << 8);
}

IN_RAM static tk_flash_reading tk_flash_get_reading(void) { return SSI[DIVIDER]; }

/* The command is the ROM's, plain 03h, as boot_rp2040.c has it. */
IN_RAM static void tk_flash_set_reading(tk_flash_reading how) {
    SSI[ENABLE] = 0;
    SSI[DIVIDER] = how;
    SSI[ENABLE] = 1;
}
