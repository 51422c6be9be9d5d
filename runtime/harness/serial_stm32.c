/* SPDX-License-Identifier: Apache-2.0 */
/* USART and LPUART of the STM32 families F0, F3, F7, G, H, L4 and U, which have a register for each direction (RM0432,
 * sections 51.8 and 52.7; RM0433, 48.7; RM0456, 66.8). TK_SERIAL_FRACTION is 1 for a USART and 256 for an LPUART. */

#include "serial.h"
#include "serial_model.h"

enum { CONTROL_1, BAUD_DIVIDER = 3, STATUS = 7, CLEAR = 8, RECEIVE = 9, TRANSMIT = 10 };
enum { RECEIVED = 1 << 5, TRANSMIT_EMPTY = 1 << 7, OVERRUN = 1 << 3, ENABLE = 1 << 3 | 1 << 2 | 1 << 0 };

static volatile uint32_t *const uart = (volatile uint32_t *)TK_SERIAL_ADDRESS;

void tk_serial_open(void) {
    const uint64_t clock = (uint64_t)TK_SERIAL_CLOCK_HZ * TK_SERIAL_FRACTION;
    uart[BAUD_DIVIDER] = (uint32_t)((clock + TK_SERIAL_BAUD / 2) / TK_SERIAL_BAUD);
    uart[CONTROL_1] = ENABLE;
    tk_time_open();
}

int tk_serial_get(void) {
    while (!(uart[STATUS] & RECEIVED)) {
        if (uart[STATUS] & OVERRUN) uart[CLEAR] = OVERRUN; /* or nothing would come any more */
    }
    return (int)(uart[RECEIVE] & 0xFFu);
}

void tk_serial_put(char byte) {
    while (!(uart[STATUS] & TRANSMIT_EMPTY)) {
    }
    uart[TRANSMIT] = (uint8_t)byte;
}
