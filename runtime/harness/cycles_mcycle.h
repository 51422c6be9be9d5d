/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles of a RISC-V core in machine mode: mcycle (Privileged Architecture, 3.1.10). */
#ifndef TK_CYCLES_H
#define TK_CYCLES_H

#include <stdint.h>

#define TK_CYCLES_HZ TK_CLOCK_HZ

static void tk_cycles_open(void) {}

uint32_t tk_cycles(void) {
    uint32_t cycles;
    __asm volatile(".option push\n.option arch, +zicsr\ncsrr %0, mcycle\n.option pop" : "=r"(cycles));
    return cycles;
}

#endif
