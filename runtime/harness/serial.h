/* SPDX-License-Identifier: Apache-2.0 */
/* What a board gives to main_serial.c: one file serial_<driver>.c for each kind of serial port. */
#ifndef TK_SERIAL_H
#define TK_SERIAL_H

#include <stdint.h>

#include "tk_slots.h"

void tk_serial_open(void);
int tk_serial_get(void); /* the next byte, waiting for it; -1 when there will never be one */
void tk_serial_put(char byte);
uint32_t tk_time_us(void);     /* since some time; wraps around */
tk_flash tk_board_flash(void); /* for what the model learns */
uint32_t tk_stack_used(void);  /* bytes, the most ever; 0 where nobody counts */

#endif
