/* SPDX-License-Identifier: Apache-2.0 */
/* Arm's PrimeCell UART, PL011 (DDI 0183), as in the RP2040, the RP2350 and Stellaris chips. */

#include "serial.h"
#include "serial_model.h"

enum {
    DATA,
    FLAGS = 0x18 / 4,
    DIVIDER = 0x24 / 4,
    DIVIDER_64THS = 0x28 / 4,
    LINE = 0x2C / 4,
    CONTROL = 0x30 / 4
};
enum {
    RECEIVE_EMPTY = 1 << 4,
    TRANSMIT_FULL = 1 << 5,
    EIGHT_BITS_AND_FIFOS = 3 << 5 | 1 << 4,
    ENABLE = 1 << 9 | 1 << 8 | 1
};

static volatile uint32_t *const uart = (volatile uint32_t *)TK_SERIAL_ADDRESS;

void tk_serial_open(void) {
    const uint32_t divider =
        (uint32_t)(((uint64_t)TK_SERIAL_CLOCK_HZ * 4 + TK_SERIAL_BAUD / 2) / TK_SERIAL_BAUD);
    uart[CONTROL] = 0;
    uart[DIVIDER] = divider >> 6;
    uart[DIVIDER_64THS] = divider & 63u;
    uart[LINE] = EIGHT_BITS_AND_FIFOS; /* takes the divider over, too */
    uart[CONTROL] = ENABLE;
    tk_time_open();
}

int tk_serial_get(void) {
    while (uart[FLAGS] & RECEIVE_EMPTY) {
    }
    return (int)(uart[DATA] & 0xFFu);
}

void tk_serial_put(char byte) {
    while (uart[FLAGS] & TRANSMIT_FULL) {
    }
    uart[DATA] = (uint8_t)byte;
}
