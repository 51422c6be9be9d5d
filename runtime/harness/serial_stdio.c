/* SPDX-License-Identifier: Apache-2.0 */
/* The serial port of a program on a PC: standard input and output. What is learnt lives as long as the program. */

#define _POSIX_C_SOURCE 199309L

#include <stdio.h>
#include <time.h>

#include "serial.h"
#include "serial_model.h"
#include "tk_flash_memory.h"

#ifdef MODEL_STATE_BYTES
enum { STATE_BYTES = MODEL_STATE_BYTES };
#else
enum { STATE_BYTES = 0 };
#endif
enum { PAGES = 2 * ((STATE_BYTES + 32 + TK_FLASH_PAGE_BYTES - 1) / TK_FLASH_PAGE_BYTES) };

static uint32_t cells[PAGES * TK_FLASH_PAGE_BYTES / 4];

void tk_serial_open(void) {
    for (uint32_t i = 0; i < sizeof cells / sizeof *cells; ++i) cells[i] = 0xFFFFFFFFu;
}

int tk_serial_get(void) {
    fflush(stdout);
    return getchar();
}

void tk_serial_put(char byte) { putchar(byte); }

/* Time that passes, not the processor's: several threads use it up faster, and others' programs let it stand. */
uint32_t tk_time_us(void) {
#ifdef CLOCK_MONOTONIC
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)now.tv_sec * 1000000u + (uint32_t)(now.tv_nsec / 1000);
#else
    return (uint32_t)((double)clock() / CLOCKS_PER_SEC * 1e6);
#endif
}

tk_flash tk_board_flash(void) { return tk_flash_memory(cells, TK_FLASH_PAGE_BYTES, PAGES); }

uint32_t tk_stack_used(void) { return 0; }
