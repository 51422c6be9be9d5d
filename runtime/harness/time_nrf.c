/* SPDX-License-Identifier: Apache-2.0 */
/* Microseconds from TIMER0 of Nordic's nRF51 and nRF52, which counts 16 MHz by 16, 32 bits wide (nRF51 Series Reference
 * Manual, chapter 18; nRF52840 Product Specification, 6.30). */

#include "serial.h"

enum {
    START = 0x000 / 4,
    CLEAR = 0x00C / 4,
    CAPTURE = 0x040 / 4,
    MODE = 0x504 / 4,
    WIDTH = 0x508 / 4,
    PRESCALER = 0x510 / 4,
    COMPARE = 0x540 / 4
};

static volatile uint32_t *const timer = (volatile uint32_t *)0x40008000u;

void tk_time_open(void) {
    timer[MODE] = 0;
    timer[WIDTH] = 3;     /* 32 bits */
    timer[PRESCALER] = 4; /* 2 ^ 4 */
    timer[CLEAR] = 1;
    timer[START] = 1;
}

uint32_t tk_time_us(void) {
    timer[CAPTURE] = 1;
    return timer[COMPARE];
}
