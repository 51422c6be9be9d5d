/* SPDX-License-Identifier: Apache-2.0 */
/* Serial port of Arm's Cortex-M System Design Kit, as on the MPS2 boards that QEMU has: the UART at TK_SERIAL_ADDRESS
 * (CMSDK Technical Reference Manual, DDI 0479, section 4.3), time by the 25 MHz TIMER0. What is learnt is kept in
 * memory of these boards' flash, which is RAM that a reset leaves as it is. */

#include "serial.h"
#include "serial_model.h"
#include "tk_flash_memory.h"

enum { DATA, STATE, CONTROL, INTERRUPT, BAUD_DIVIDER };
enum { TRANSMIT_FULL = 1, RECEIVE_FULL = 2, ENABLE_BOTH = 3 };
enum { TIMER_CONTROL, TIMER_VALUE, TIMER_RELOAD, CLOCK_HZ = 25000000, BAUD = 115200 };

static volatile uint32_t *const uart = (volatile uint32_t *)TK_SERIAL_ADDRESS;
static volatile uint32_t *const timer = (volatile uint32_t *)0x40000000u;

extern uint32_t tk_slots_start[], tk_slots_end[], tk_stack_limit[], tk_stack_top[];

void tk_serial_open(void) {
    uart[BAUD_DIVIDER] = CLOCK_HZ / BAUD;
    uart[CONTROL] = ENABLE_BOTH;
    timer[TIMER_RELOAD] = 0xFFFFFFFFu;
    timer[TIMER_VALUE] = 0xFFFFFFFFu;
    timer[TIMER_CONTROL] = 1;
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

/* The timer wraps around every 172 s: add up what passed since the last question. */
uint32_t tk_time_us(void) {
    static uint32_t last = 0xFFFFFFFFu, rest, us;
    const uint32_t now = timer[TIMER_VALUE];
    rest += last - now;
    last = now;
    us += rest / (CLOCK_HZ / 1000000);
    rest %= CLOCK_HZ / 1000000;
    return us;
}

tk_flash tk_board_flash(void) {
    const uint32_t bytes = (uint32_t)((uintptr_t)tk_slots_end - (uintptr_t)tk_slots_start);
    return tk_flash_memory(tk_slots_start, TK_FLASH_PAGE_BYTES, bytes / TK_FLASH_PAGE_BYTES);
}

uint32_t tk_stack_used(void) {
    const uint32_t *word = tk_stack_limit;
    while (word < tk_stack_top && *word == 0xC5C5C5C5u) ++word;
    return (uint32_t)((uintptr_t)tk_stack_top - (uintptr_t)word);
}
