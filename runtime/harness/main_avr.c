/* SPDX-License-Identifier: Apache-2.0 */
/* Run the model on every sample of input.bin and append its outputs to output.bin, on an emulated AVR.
 * Built with -DMODEL_TRACE it also appends (layer, bytes, data) of every layer to trace.bin.
 * The emulator (toolkit/device/emulators/simavr_runner.c) moves the files through registers that AVRs leave to programs:
 * GPIOR1 is 0 when input.bin is at its end, GPIOR0 is its next byte, or one for the file that GPIOR2 names. */

#include <avr/io.h>
#include <avr/sleep.h>
#include <stdint.h>

#include "main_loop.h"

#ifdef MODEL_GENERATE
#error "language models are not for AVR"
#endif

enum { OUTPUT, TRACE };

static uint8_t read(void *data, uint16_t bytes) {
    for (uint8_t *to = data; bytes; --bytes) {
        if (!GPIOR1) return 0;
        *to++ = GPIOR0;
    }
    return 1;
}

static void write(uint8_t file, const void *data, uint16_t bytes) {
    GPIOR2 = file;
    for (const uint8_t *from = data; bytes; --bytes) GPIOR0 = *from++;
}

#ifdef MODEL_TRACE
static void write_trace(const void *data, unsigned bytes) { write(TRACE, data, bytes); }
#endif

/* The input ends the loop. */
#define READ(data, bytes) \
    if (!read(data, bytes)) break;
#define WRITE(data, bytes) write(OUTPUT, data, bytes);

int main(void) {
    TK_MAIN_LOOP
    for (;;) { /* asleep without interrupts: the emulator ends */
        sleep_mode();
    }
}
