/* SPDX-License-Identifier: Apache-2.0 */
/* UART of Nordic's nRF51 and nRF52 without DMA (nRF51 Series Reference Manual, chapter 29; nRF52840 Product Specification,
 * 6.33). TK_SERIAL_TX_PIN and TK_SERIAL_RX_PIN: 32 x port + pin. */

#include "serial.h"
#include "serial_model.h"

enum {
    START_RX = 0x000 / 4,
    START_TX = 0x008 / 4,
    RECEIVED = 0x108 / 4,
    SENT = 0x11C / 4,
    ERROR = 0x480 / 4,
    ENABLE = 0x500 / 4,
    RTS_PIN = 0x508 / 4,
    TX_PIN = 0x50C / 4,
    CTS_PIN = 0x510 / 4,
    RX_PIN = 0x514 / 4,
    RECEIVE = 0x518 / 4,
    TRANSMIT = 0x51C / 4,
    BAUD_RATE = 0x524 / 4,
    CONFIG = 0x56C / 4
};

static volatile uint32_t *const uart = (volatile uint32_t *)TK_SERIAL_ADDRESS;

void tk_serial_open(void) {
    uart[TX_PIN] = TK_SERIAL_TX_PIN;
    uart[RX_PIN] = TK_SERIAL_RX_PIN;
    uart[RTS_PIN] = uart[CTS_PIN] = 0xFFFFFFFFu; /* not connected */
    uart[CONFIG] = 0;
    /* A fraction of the 16 MHz that all of them have for it, in 1 / 2^32, to a multiple of 4096: 0x01D7E000 for 115,200
     * where the manual's table has it. */
    uart[BAUD_RATE] = (uint32_t)((((uint64_t)TK_SERIAL_BAUD << 32) / 16000000u + 0x800u) & 0xFFFFF000u);
    uart[ENABLE] = 4;
    uart[START_RX] = 1;
    uart[START_TX] = 1;
    uart[SENT] = 1; /* nothing is under way yet */
    tk_time_open();
}

int tk_serial_get(void) {
    while (!uart[RECEIVED]) {
    }
    uart[RECEIVED] = 0;
    return (int)(uart[RECEIVE] & 0xFFu);
}

void tk_serial_put(char byte) {
    uart[SENT] = 0;
    uart[TRANSMIT] = (uint8_t)byte;
    while (!uart[SENT]) {
    }
}
