/* SPDX-License-Identifier: Apache-2.0 */
/* Run a program on an AVR of libsimavr, instruction by instruction: count instructions and cycles by address and layer of
 * the model, watch the stack pointer, and move input.bin, output.bin and trace.bin through registers; the firmware's
 * side is runtime/harness/main_avr.c.
 *
 * Arguments: CPU HZ LOWEST_SP SECONDS. Files in the working directory: flash.bin, input.bin; marks (marks.h), where
 * something is to be counted. Written: output.bin, trace.bin, stack.bin (all that lies above LOWEST_SP), and counts: a line
 * "inferences N", then "LAYER ADDRESS COUNT CYCLES" per instruction. The exit status is 0, or 1 with a line "WHAT PC" on
 * stderr, PC in hexadecimal. */

#include <inttypes.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "marks.h"

enum { DATA = 0x3E, MORE = 0x4A, FILE_NUMBER = 0x4B }; /* GPIOR0, GPIOR1, GPIOR2 */
enum { PAINT = 0xC5, LOOK_EVERY = 1 << 16 };

struct count {
    uint64_t times, cycles;
};

static FILE *input, *files[2];
static struct count *counts[MAX_LAYERS + 1]; /* by layer, 0 is none; by address / 2 */
static uint64_t inferences;

static uint8_t next_byte(avr_t *avr, avr_io_addr_t at, void *none) {
    (void)avr, (void)at, (void)none;
    return (uint8_t)getc(input);
}

static uint8_t more(avr_t *avr, avr_io_addr_t at, void *none) {
    const int next = getc(input);
    (void)avr, (void)at, (void)none;
    if (next == EOF) return 0;
    ungetc(next, input);
    return 1;
}

static void put_byte(avr_t *avr, avr_io_addr_t at, uint8_t byte, void *none) {
    (void)at, (void)none;
    putc(byte, files[avr->data[FILE_NUMBER] & 1]);
    if (!(avr->data[FILE_NUMBER] & 1)) fflush(files[0]); /* who reads along sees it at once */
}

static void write_counts(uint32_t flash_bytes) {
    FILE *const out = fopen("counts", "w");
    fprintf(out, "inferences %" PRIu64 "\n", inferences);
    for (int i = 0; i <= layers; ++i) {
        for (uint32_t k = 0; k < flash_bytes / 2; ++k) {
            const struct count *const count = &counts[i][k];
            if (count->times) {
                fprintf(out, "%d %" PRIu32 " %" PRIu64 " %" PRIu64 "\n", i - 1, 2 * k, count->times,
                        count->cycles);
            }
        }
    }
    fclose(out);
}

/* Which layer the instruction at `pc` works for, from the one before; -1 outside the model. */
static int layer_at(uint32_t pc, int layer) {
    if (layer < 0) {
        if (pc != body_start) return -1;
        ++inferences;
        return 0;
    }
    if (pc >= caller_start && pc < caller_end) return -1;
    if (pc >= body_start && pc < body_end) return 0;
    for (int i = 0; i < layers; ++i) {
        if (layer_address[i] == pc) return i + 1;
    }
    return layer;
}

static int fail(const char *what, uint32_t pc) {
    fprintf(stderr, "%s %" PRIx32 "\n", what, pc);
    return 1;
}

static void silent(avr_t *avr, const int level, const char *format, va_list ap) {
    (void)avr, (void)level, (void)format, (void)ap;
}

int main(int argc, char **argv) {
    if (argc != 5) return fail("usage", 0);
    avr_global_logger_set(silent);
    avr_t *const avr = avr_make_mcu_by_name(argv[1]);
    FILE *const image = fopen("flash.bin", "rb");
    input = fopen("input.bin", "rb");
    files[0] = fopen("output.bin", "wb");
    files[1] = fopen("trace.bin", "wb");
    if (!avr || !image || !input || !files[0] || !files[1]) return fail("start", 0);
    avr_init(avr);
    avr->frequency = (uint32_t)strtoul(argv[2], NULL, 10);
    avr->log = LOG_NONE;
    const uint32_t lowest = (uint32_t)strtoul(argv[3], NULL, 10), flash_bytes = avr->flashend + 1;
    const time_t end = time(NULL) + (time_t)strtoul(argv[4], NULL, 10) + 1;
    avr->codeend = (uint32_t)fread(avr->flash, 1, flash_bytes, image);
    memset(avr->data + lowest, PAINT, avr->ramend + 1 - lowest);
    avr_register_io_read(avr, DATA, next_byte, NULL);
    avr_register_io_read(avr, MORE, more, NULL);
    avr_register_io_write(avr, DATA, put_byte, NULL);
    const int counting = !read_marks("marks");
    for (int i = 0; counting && i <= layers; ++i) counts[i] = calloc(flash_bytes / 2, sizeof **counts);
    int layer = -1;
    for (uint32_t steps = 0;; ++steps) {
        const uint32_t pc = avr->pc;
        const avr_cycle_count_t before = avr->cycle;
        avr->run_cycle_count = 0; /* one instruction at a time */
        const int state = avr_run(avr);
        if (counting && (layer = layer_at(pc, layer)) >= 0 && pc < flash_bytes) {
            counts[layer][pc / 2].times++;
            counts[layer][pc / 2].cycles += avr->cycle - before;
        }
        if (state == cpu_Done) break;
        if (state == cpu_Crashed) return fail("crashed", pc);
        const uint32_t sp = avr->data[R_SPL] | (uint32_t)avr->data[R_SPH] << 8;
        if (sp && sp + 1 < lowest) return fail("overflow", pc);
        if (steps % LOOK_EVERY == 0 && time(NULL) > end) return fail("hang", pc);
    }
    FILE *const stack = fopen("stack.bin", "wb");
    fwrite(avr->data + lowest, 1, avr->ramend + 1 - lowest, stack);
    if (counting) write_counts(flash_bytes);
    return fclose(stack) || fclose(files[0]) || fclose(files[1]);
}
