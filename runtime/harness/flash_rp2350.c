/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of the RP2350 (data sheet, sections 5.4.1 and 5.4.8 for the boot ROM, 12.14 for the QMI). */

#include <stdint.h>

typedef struct { /* how the QMI reads from its first chip: as the boot ROM has found to work */
    uint32_t timing, format, command;
} tk_flash_reading;

#include "flash_rp2.h"

enum { TIMING = 0x0C / 4, READ_FORMAT = 0x10 / 4, READ_COMMAND = 0x14 / 4, SECURE_ARM = 0x04 };
#define QMI ((volatile uint32_t *)0x400D0000u)

/* The ROM has a 16-bit pointer to a function that looks its functions up, for Arm's secure state here. */
static uintptr_t tk_rom_find(char first, char second) {
    volatile uintptr_t at = 0x16; /* compilers take a constant so low for an error */
    uintptr_t (*const find)(uint32_t, uint32_t) =
        (uintptr_t(*)(uint32_t, uint32_t))(uintptr_t)(*(const uint16_t *)at);
    return find((uint32_t)first | (uint32_t)second << 8, SECURE_ARM);
}

IN_RAM static tk_flash_reading tk_flash_get_reading(void) {
    const tk_flash_reading how = {QMI[TIMING], QMI[READ_FORMAT], QMI[READ_COMMAND]};
    return how;
}

/* Each of the ROM's modes begins with a serial command, so that registers are all there is to it. */
IN_RAM static void tk_flash_set_reading(tk_flash_reading how) {
    QMI[TIMING] = how.timing;
    QMI[READ_FORMAT] = how.format;
    QMI[READ_COMMAND] = how.command;
}
