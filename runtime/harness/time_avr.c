/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles and time of an AVR: Timer 1 counts cycles in 16 bits, an interrupt counts its overflows (about 50 of 65,536 cycles).
 * And the stack, painted before anything is on it. */

#include <avr/interrupt.h>
#include <avr/io.h>

#include "serial.h"
#include "serial_model.h"

static volatile uint32_t overflows;

ISR(TIMER1_OVF_vect) { ++overflows; }

/* avr-libc runs what is in .init3 before the first function is called. */
__attribute__((naked, used, section(".init3"))) void tk_paint(void);

void tk_paint(void) {
    __asm volatile("ldi r30, lo8(tk_stack_limit)\n\t"
                   "ldi r31, hi8(tk_stack_limit)\n\t"
                   "ldi r24, 0xC5\n\t"
                   "ldi r25, hi8(tk_stack_top)\n"
                   "0: st Z+, r24\n\t"
                   "cpi r30, lo8(tk_stack_top)\n\t"
                   "cpc r31, r25\n\t"
                   "brlo 0b");
}

void tk_time_open(void) {
    TCCR1B = 1 << CS10;
    TIMSK1 = 1 << TOIE1;
    sei();
}

static uint16_t now(uint32_t *high) {
    const uint8_t before = SREG;
    cli();
    const uint16_t low = TCNT1;
    /* an overflow that has not been counted yet came before a small number, not before a large one */
    *high = overflows + ((TIFR1 & 1 << TOV1) && low < 0x8000u);
    SREG = before;
    return low;
}

uint32_t tk_cycles(void) {
    uint32_t high;
    const uint16_t low = now(&high);
    return high << 16 | low;
}

uint32_t tk_time_us(void) {
    uint32_t high;
    const uint16_t low = now(&high);
    return (uint32_t)((((uint64_t)high << 16 | low) * 1000) / (TK_CLOCK_HZ / 1000));
}
