/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles of a Cortex-M3 and above: CYCCNT of the Data Watchpoint and Trace unit (Armv7-M ARM, C1.8). Where there is no
 * such unit, as under QEMU, its registers read as zero. */
#ifndef TK_CYCLES_H
#define TK_CYCLES_H

#include <stdint.h>

#define TK_CYCLES_HZ TK_CLOCK_HZ

static void tk_cycles_open(void) {
    *(volatile uint32_t *)0xE000EDFCu |= 1u << 24;   /* DEMCR.TRCENA */
    *(volatile uint32_t *)0xE0001FB0u = 0xC5ACCE55u; /* DWT_LAR: a Cortex-M7 is locked at reset */
    *(volatile uint32_t *)0xE0001000u |= 1u;         /* DWT_CTRL.CYCCNTENA */
}

uint32_t tk_cycles(void) { return *(volatile uint32_t *)0xE0001004u; }

#endif
