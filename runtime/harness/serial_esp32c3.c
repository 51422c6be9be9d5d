/* SPDX-License-Identifier: Apache-2.0 */
/* UART0 of Espressif's ESP32-C3 (Technical Reference Manual, chapter 26). Pins are the boot ROM's; the rate is set here
 * from the crystal, with a divider in 16ths. */

#include "serial.h"
#include "serial_model.h"

enum {
    FIFO = 0x00 / 4,
    DIVIDER = 0x14 / 4,
    STATUS = 0x1C / 4,
    CLOCK = 0x78 / 4,
    UPDATE = 0x80 / 4,
    FIFO_BYTES = 128
};

static volatile uint32_t *const uart = (volatile uint32_t *)TK_SERIAL_ADDRESS;

static void update(void) { /* of the registers that lie in the UART's own clock */
    uart[UPDATE] |= 1u << 31;
    for (uint32_t polls = 100000; uart[UPDATE] & 1u << 31 && polls; --polls) {
    }
}

void tk_serial_open(void) {
    const uint32_t divider =
        (uint32_t)(((uint64_t)TK_SERIAL_CLOCK_HZ * 16 + TK_SERIAL_BAUD / 2) / TK_SERIAL_BAUD);
    uart[CLOCK] = (uart[CLOCK] & ~(3u << 20 | 0xFFu << 12)) | 3u << 20; /* the crystal, undivided */
    uart[DIVIDER] = divider >> 4 | (divider & 15u) << 20;
    update();
    tk_time_open();
}

int tk_serial_get(void) {
    while (!(uart[STATUS] & 0x3FFu)) {
    }
    return (int)(uart[FIFO] & 0xFFu);
}

void tk_serial_put(char byte) {
    while ((uart[STATUS] >> 16 & 0x3FFu) >= FIFO_BYTES - 1) {
    }
    uart[FIFO] = (uint8_t)byte;
}
