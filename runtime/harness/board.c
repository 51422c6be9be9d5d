/* SPDX-License-Identifier: Apache-2.0 */
/* What main_serial.c asks of a bare board besides its line and its time. */

#include "serial.h"

extern uint32_t tk_stack_limit[], tk_stack_top[];

/* Startup code has painted the stack. */
uint32_t tk_stack_used(void) {
    const uint32_t *word = tk_stack_limit;
    while (word < tk_stack_top && *word == 0xC5C5C5C5u) ++word;
    return (uint32_t)((uintptr_t)tk_stack_top - (uintptr_t)word);
}
