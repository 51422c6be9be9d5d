/* SPDX-License-Identifier: Apache-2.0 */
/* A core without a cycle counter. */
#ifndef TK_CYCLES_H
#define TK_CYCLES_H

#include <stdint.h>

#define TK_CYCLES_HZ 0u

static void tk_cycles_open(void) {}

uint32_t tk_cycles(void) { return 0; }

#endif
