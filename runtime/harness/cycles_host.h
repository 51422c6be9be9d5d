/* SPDX-License-Identifier: Apache-2.0 */
/* A program on a PC has no cycle counter that any C has: its processor time stands in, in ticks of clock(). */
#ifndef TK_CYCLES_H
#define TK_CYCLES_H

#include <stdint.h>
#include <time.h>

#define TK_CYCLES_HZ ((uint32_t)CLOCKS_PER_SEC)

static void tk_cycles_open(void) {}

uint32_t tk_cycles(void) { return (uint32_t)clock(); }

#endif
