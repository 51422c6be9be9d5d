/* SPDX-License-Identifier: Apache-2.0 */
/* USART of the STM32 families F1, F2, F4 and L1, which have one data register (RM0090, section 30.6; RM0041, 23.6). */

#include "serial.h"
#include "serial_model.h"

enum { STATUS, DATA, BAUD_DIVIDER, CONTROL_1 };
enum { RECEIVED = 1 << 5, TRANSMIT_EMPTY = 1 << 7, ENABLE = 1 << 13 | 1 << 3 | 1 << 2 };

static volatile uint32_t *const uart = (volatile uint32_t *)TK_SERIAL_ADDRESS;

void tk_serial_open(void) {
    uart[BAUD_DIVIDER] = (TK_SERIAL_CLOCK_HZ + TK_SERIAL_BAUD / 2) / TK_SERIAL_BAUD;
    uart[CONTROL_1] = ENABLE;
    tk_time_open();
}

int tk_serial_get(void) {
    while (!(uart[STATUS] & RECEIVED)) {
    }
    return (int)(uart[DATA] & 0xFFu); /* status, then data: clears an overrun, too */
}

void tk_serial_put(char byte) {
    while (!(uart[STATUS] & TRANSMIT_EMPTY)) {
    }
    uart[DATA] = (uint8_t)byte;
}
