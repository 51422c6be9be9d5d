/* SPDX-License-Identifier: Apache-2.0 */
/* LPUART of NXP's i.MX RT (i.MX RT1060 Processor Reference Manual, chapter 49). */

#include "serial.h"
#include "serial_model.h"

enum { BAUD = 0x10 / 4, STATUS = 0x14 / 4, CONTROL = 0x18 / 4, DATA = 0x1C / 4, OVERSAMPLING = 16 };
#define TRANSMIT_EMPTY (1u << 23)
#define RECEIVED (1u << 21)
#define OVERRUN (1u << 19)
#define BOTH_WAYS (3u << 18)

static volatile uint32_t *const uart = (volatile uint32_t *)TK_SERIAL_ADDRESS;

void tk_serial_open(void) {
    const uint32_t rate = OVERSAMPLING * TK_SERIAL_BAUD;
    uart[CONTROL] = 0;
    uart[BAUD] = (uint32_t)(OVERSAMPLING - 1) << 24 | (TK_SERIAL_CLOCK_HZ + rate / 2) / rate;
    uart[CONTROL] = BOTH_WAYS;
    tk_time_open();
}

int tk_serial_get(void) {
    while (!(uart[STATUS] & RECEIVED)) {
        if (uart[STATUS] & OVERRUN) uart[STATUS] = OVERRUN; /* or nothing would come any more */
    }
    return (int)(uart[DATA] & 0xFFu);
}

void tk_serial_put(char byte) {
    while (!(uart[STATUS] & TRANSMIT_EMPTY)) {
    }
    uart[DATA] = (uint8_t)byte;
}
