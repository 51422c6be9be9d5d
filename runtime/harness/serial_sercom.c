/* SPDX-License-Identifier: Apache-2.0 */
/* SERCOM as a USART in a SAM D21 (data sheet DS40001882, section 26.8). TK_SERIAL_TX_PAD is CTRLA's TXPO, of which 0 is pad
 * 0 and 1 is pad 2; TK_SERIAL_RX_PAD is the pad itself. */

#include "serial.h"
#include "serial_model.h"

enum { CONTROL_A = 0x00, CONTROL_B = 0x04, BAUD = 0x0C, FLAGS = 0x18, BUSY = 0x1C, DATA = 0x28 };
enum {
    TRANSMIT_EMPTY = 1,
    RECEIVED = 4,
    INTERNAL_CLOCK = 1 << 2,
    LOWEST_FIRST = 1 << 30,
    BOTH_WAYS = 3 << 16,
    ON = 2
};

#define REGISTER(bits, offset) (*(volatile uint##bits##_t *)(TK_SERIAL_ADDRESS + (offset)))

static void settle(void) {
    while (REGISTER(32, BUSY)) {
    }
}

void tk_serial_open(void) {
    const uint32_t mode =
        (uint32_t)LOWEST_FIRST | INTERNAL_CLOCK | TK_SERIAL_TX_PAD << 16 | TK_SERIAL_RX_PAD << 20;
    REGISTER(32, CONTROL_A) = mode;
    REGISTER(32, CONTROL_B) = BOTH_WAYS;
    settle();
    /* 65536 x (1 - 16 x baud / clock) */
    REGISTER(16, BAUD) =
        (uint16_t)(65536u - (uint32_t)((65536ull * 16 * TK_SERIAL_BAUD) / TK_SERIAL_CLOCK_HZ));
    REGISTER(32, CONTROL_A) = mode | ON;
    settle();
    tk_time_open();
}

int tk_serial_get(void) {
    while (!(REGISTER(8, FLAGS) & RECEIVED)) {
    }
    return (int)(REGISTER(16, DATA) & 0xFFu);
}

void tk_serial_put(char byte) {
    while (!(REGISTER(8, FLAGS) & TRANSMIT_EMPTY)) {
    }
    REGISTER(16, DATA) = (uint8_t)byte;
}
