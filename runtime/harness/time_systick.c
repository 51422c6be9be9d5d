/* SPDX-License-Identifier: Apache-2.0 */
/* Microseconds from SysTick, the timer of every Cortex-M (Armv7-M ARM, B3.3; Armv6-M ARM, B3.3). It counts the core's
 * cycles down, 24 bits wide, and its interrupt counts the rounds, so that a run may take as long as it wants. */

#include "serial.h"
#include "serial_model.h"

enum { CONTROL, RELOAD, VALUE, ON_WITH_INTERRUPT = 7, LAST = 0xFFFFFF };

static volatile uint32_t *const systick = (volatile uint32_t *)0xE000E010u;
static volatile uint32_t *const interrupt_state = (volatile uint32_t *)0xE000ED04u; /* ICSR */

volatile uint32_t tk_rounds;
void tk_tick(void);
void tk_tick(void) { ++tk_rounds; }

void tk_time_open(void) {
    systick[RELOAD] = LAST;
    systick[VALUE] = 0;
    systick[CONTROL] = ON_WITH_INTERRUPT;
    __asm volatile("cpsie i");
}

uint32_t tk_time_us(void) {
    uint32_t rounds, value;
    do { /* until no round ended in between */
        rounds = tk_rounds;
        value = systick[VALUE];
    } while (rounds != tk_rounds || *interrupt_state & 1u << 26); /* PENDSTSET */
    static uint64_t latest;
    uint64_t cycles = ((uint64_t)rounds << 24) + (LAST - value);
    if (cycles < latest) cycles += 1u << 24; /* QEMU interrupts late when its machine is busy */
    latest = cycles;
    return (uint32_t)(cycles * 1000 / (TK_CLOCK_HZ / 1000));
}
