/* SPDX-License-Identifier: Apache-2.0 */
/* SiFive's UART (FE310-G000 Manual, chapter 18). */

#include "serial.h"
#include "serial_model.h"

enum { TRANSMIT, RECEIVE, TRANSMIT_CONTROL, RECEIVE_CONTROL, DIVIDER = 6, ENABLE = 1 };
#define FULL_OR_EMPTY 0x80000000u

static volatile uint32_t *const uart = (volatile uint32_t *)TK_SERIAL_ADDRESS;

void tk_serial_open(void) {
    uart[DIVIDER] = (TK_SERIAL_CLOCK_HZ + TK_SERIAL_BAUD / 2) / TK_SERIAL_BAUD - 1;
    uart[TRANSMIT_CONTROL] = ENABLE;
    uart[RECEIVE_CONTROL] = ENABLE;
    tk_time_open();
}

int tk_serial_get(void) {
    uint32_t taken; /* reading takes a byte, if there is one */
    while ((taken = uart[RECEIVE]) & FULL_OR_EMPTY) {
    }
    return (int)(taken & 0xFFu);
}

void tk_serial_put(char byte) {
    while (uart[TRANSMIT] & FULL_OR_EMPTY) {
    }
    uart[TRANSMIT] = (uint8_t)byte;
}
