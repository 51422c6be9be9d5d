/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles of a Cortex-M0 or M0+: SysTick (Armv6-M ARM, B3.3), which counts down at most 24 bits. How often it went round
 * between two questions follows from the time between them. A driver may have started it for its own clock: then it is
 * left as it is. */
#ifndef TK_CYCLES_H
#define TK_CYCLES_H

#include <stdint.h>

#define TK_CYCLES_HZ TK_CLOCK_HZ

enum { SYSTICK_CONTROL, SYSTICK_RELOAD, SYSTICK_VALUE, SYSTICK_ON = 5 }; /* on, with the core's clock */

static volatile uint32_t *const systick = (volatile uint32_t *)0xE000E010u;

static int systick_counts; /* it has been seen to: an emulator may have none */

static void tk_cycles_open(void) {
    if (!(systick[SYSTICK_CONTROL] & 1u)) {
        systick[SYSTICK_RELOAD] = 0xFFFFFFu;
        systick[SYSTICK_VALUE] = 0;
        systick[SYSTICK_CONTROL] = SYSTICK_ON;
    }
    const uint32_t first = systick[SYSTICK_VALUE];
    for (int polls = 0; polls < 1000 && !systick_counts; ++polls) {
        systick_counts = systick[SYSTICK_VALUE] != first;
    }
}

uint32_t tk_cycles(void) {
    static uint32_t count, last_value, last_us;
    if (!systick_counts) return 0;
    const uint32_t period = systick[SYSTICK_RELOAD] + 1, value = systick[SYSTICK_VALUE], us = tk_time_us();
    const uint32_t part = last_value >= value ? last_value - value : last_value + period - value;
    const uint64_t expected = (uint64_t)(us - last_us) * (TK_CLOCK_HZ / 1000u) / 1000u;
    const uint64_t rounds = expected > part ? (expected - part + period / 2) / period : 0;
    count += part + (uint32_t)(rounds * period);
    last_value = value;
    last_us = us;
    return count;
}

#endif
