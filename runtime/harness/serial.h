/* SPDX-License-Identifier: Apache-2.0 */
/* What a board gives to main_serial.c: one file serial_<driver>.c for each kind of serial port. */
#ifndef TK_SERIAL_H
#define TK_SERIAL_H

#include <stdint.h>

#include "tk_slots.h"

/* Of the line. MLPerf Tiny's interface board talks to a board of which the energy is measured at 9,600. */
#ifndef TK_SERIAL_BAUD
#ifdef MODEL_ENERGY
#define TK_SERIAL_BAUD 9600u
#else
#define TK_SERIAL_BAUD 115200u
#endif
#endif

void tk_serial_open(void);
int tk_serial_get(void); /* the next byte, waiting for it; -1 when there will never be one */
void tk_serial_put(char byte);
void tk_time_open(void);       /* a driver calls it when it opens its line */
uint32_t tk_time_us(void);     /* since some time; wraps around */
tk_flash tk_board_flash(void); /* for what the model learns */
uint32_t tk_stack_used(void);  /* bytes, the most ever; 0 where nobody counts */

/* Set a pin that tells a meter when a timed window begins and ends. Returns 1 where the board has one; a driver without
 * leaves this out. */
int tk_mark(int level);

/* The core's cycle counter, in cycles_<kind>.h: wraps around; for ever 0 where it has none. */
uint32_t tk_cycles(void);

#endif
