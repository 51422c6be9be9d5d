/* SPDX-License-Identifier: Apache-2.0 */
/* The UART of Arm's Cortex-M System Design Kit (Technical Reference Manual, DDI 0479, section 4.3), as on Arm's MPS2 and
 * MPS3 boards. */

#include "serial.h"
#include "serial_model.h"

enum { DATA, STATE, CONTROL, INTERRUPT, BAUD_DIVIDER };
enum { TRANSMIT_FULL = 1, RECEIVE_FULL = 2, ENABLE_BOTH = 3 };

static volatile uint32_t *const uart = (volatile uint32_t *)TK_SERIAL_ADDRESS;

void tk_serial_open(void) {
    uart[BAUD_DIVIDER] = TK_SERIAL_CLOCK_HZ / TK_SERIAL_BAUD;
    uart[CONTROL] = ENABLE_BOTH;
    tk_time_open();
}

int tk_serial_get(void) {
    while (!(uart[STATE] & RECEIVE_FULL)) {
    }
    return (int)(uart[DATA] & 0xFFu);
}

void tk_serial_put(char byte) {
    while (uart[STATE] & TRANSMIT_FULL) {
    }
    uart[DATA] = (uint8_t)byte;
}
