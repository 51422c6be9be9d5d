/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles of an ESP32-C3, which has a counter of its own instead of mcycle (Technical Reference Manual, 1.4). */
#ifndef TK_CYCLES_H
#define TK_CYCLES_H

#include <stdint.h>

#define TK_CYCLES_HZ TK_CLOCK_HZ

static void tk_cycles_open(void) {
    __asm volatile(".option push\n.option arch, +zicsr\n"
                   "csrwi 0x7E0, 1\n" /* MPCER: count cycles */
                   "csrwi 0x7E1, 1\n" /* MPCMR: go */
                   ".option pop");
}

uint32_t tk_cycles(void) {
    uint32_t cycles;
    __asm volatile(".option push\n.option arch, +zicsr\ncsrr %0, 0x7E2\n.option pop"
                   : "=r"(cycles)); /* MPCCR */
    return cycles;
}

#endif
