/* SPDX-License-Identifier: Apache-2.0 */
/* USART 0 of an AVR (ATmega328P data sheet, DS40002061, chapter 20), at twice the speed, which rounds 115,200 baud better.
 * Its buffer holds two bytes: a host waits for an answer before it goes on. */

#include <avr/io.h>

#include "serial.h"
#include "serial_model.h"

void tk_setup(void);

void tk_serial_open(void) {
    tk_setup();
    UBRR0 = (uint16_t)((TK_SERIAL_CLOCK_HZ / 4 / TK_SERIAL_BAUD - 1) / 2);
    UCSR0A = 1 << U2X0;
    UCSR0B = 1 << RXEN0 | 1 << TXEN0;
    UCSR0C = 1 << UCSZ01 | 1 << UCSZ00;
    tk_time_open();
}

int tk_serial_get(void) {
    while (!(UCSR0A & 1 << RXC0)) {
    }
    return UDR0;
}

void tk_serial_put(char byte) {
    while (!(UCSR0A & 1 << UDRE0)) {
    }
    UDR0 = (uint8_t)byte;
}
