/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_ROWS_T2_DSP_H
#define TK_FULLY_CONNECTED_ROWS_T2_DSP_H

#include "tk_ternary_dsp.h"

/* Four output channels at a time, two in one multiply as tk_ternary_dsp.h says, up to the int8 outputs.
 *
 *   x       the inputs, widened as SXTB16 does, `blocks` of eight columns; `minus` is minus their sum
 *   w       for every four channels and four columns a word
 *   finish  sixteen words for every four channels, as tk_ternary_tile_dsp.h has them, up to `end` */
#define TK_TERNARY_ROWS_ARGUMENTS                                                              \
    const uint32_t *x TK_UNUSED, const uint32_t *w TK_UNUSED, const int32_t *finish TK_UNUSED, \
        int8_t *out TK_UNUSED, int32_t blocks TK_UNUSED, const int32_t *end TK_UNUSED,         \
        int32_t minus TK_UNUSED

#ifdef TK_HAS_DSP
/* Two columns: r4 and r5 are the pairs' sums. */
#define TK_TERNARY_ROWS_COLUMNS(x, w, pair_a, pair_b) \
    "and.w r12, r10, " w pair_a "\n\t"                \
    "smlad r4, r12, " x ", r4\n\t"                    \
    "and.w r12, r10, " w pair_b "\n\t"                \
    "smlad r5, r12, " x ", r5\n\t"
#define TK_TERNARY_ROWS_BLOCK                                                                                \
    "ldmia lr!, {r0, r1, r2, r3}\n\t"                                                                        \
    "ldmia.w r11!, {r8, r9}\n\t" TK_TERNARY_ROWS_COLUMNS("r0", "r8", "", ", ror #4")                         \
        TK_TERNARY_ROWS_COLUMNS("r1", "r8", ", ror #8", ", ror #12") TK_TERNARY_ROWS_COLUMNS("r2", "r9", "", \
                                                                                             ", ror #4")     \
            TK_TERNARY_ROWS_COLUMNS("r3", "r9", ", ror #8", ", ror #12") /* 18 instructions of 4 bytes */

/* On the stack: x, its end, where the first block begins, out, finish; from 60 the arguments blocks, end and minus. r6
 * and r7 are the sums of rows a. */
#define TK_TERNARY_ROWS_SUMS                                                               \
    "push {r4-r11, lr}\n\t"                                                                \
    "sub sp, #24\n\t"                                                                      \
    "mov r11, r1\n\t"                                                                      \
    "ldr r4, [sp, #60]\n\t"                                                                \
    "add r5, r0, r4, lsl #4\n\t"                                                           \
    "strd r0, r5, [sp]\n\t"                                                                \
    "rsb r4, r4, #0\n\t" /* blocks that the first round of four leaves out */              \
    "and r4, r4, #3\n\t"                                                                   \
    "mov r6, #72\n\t"                                                                      \
    "adr.w r7, 2f\n\t"                                                                     \
    "mla r4, r4, r6, r7\n\t"                                                               \
    "orr r4, r4, #1\n\t"                                                                   \
    "strd r4, r3, [sp, #8]\n\t"                                                            \
    "movw r10, #0xC003\n\t"                                                                \
    "movt r10, #0xC003\n\t"                                                                \
    "1:\n\t"                                                                               \
    "ldmia r2!, {r4, r5}\n\t"                                                              \
    "str r2, [sp, #16]\n\t"                                                                \
    "ldr r6, [sp, #68]\n\t"                                                                \
    "add r4, r4, r6\n\t"                                                                   \
    "add r5, r5, r6\n\t"                                                                   \
    "mov r7, r6\n\t"                                                                       \
    "ldr lr, [sp]\n\t"                                                                     \
    "ldr.w pc, [sp, #8]\n\t"                                                               \
    ".p2align 2\n\t"                                                                       \
    "2:\n\t"                                                                               \
    ".rept 4\n\t" TK_TERNARY_ROWS_BLOCK ".endr\n\t"                                        \
    "sub r0, r4, r6\n\t" /* what these 32 columns added to rows a is in the low 14 bits */ \
    "sub r1, r5, r7\n\t"                                                                   \
    "sbfx r0, r0, #0, #14\n\t"                                                             \
    "sbfx r1, r1, #0, #14\n\t"                                                             \
    "ldr r2, [sp, #4]\n\t"                                                                 \
    "add r6, r6, r0\n\t"                                                                   \
    "add r7, r7, r1\n\t"                                                                   \
    "cmp lr, r2\n\t"                                                                       \
    "bne.w 2b\n\t"                                                                         \
    "sub r4, r4, r6\n\t"                                                                   \
    "sub r5, r5, r7\n\t"                                                                   \
    "ldr lr, [sp, #16]\n\t"
#define TK_TERNARY_ROWS_PAIR(finish, a, b)                                                                \
    "ldmia lr!, {r0, r1, r2, r3}\n\t" TK_TERNARY_ADD_BIAS(a, "r0")                                        \
        finish(TK_TERNARY_DOUBLED_A(a), a, "r1", "r2", "r3", "r12") "ldmia lr!, {r1, r2, r3}\n\t" finish( \
            TK_TERNARY_DOUBLED_B(b), b, "r1", "r2", "r3", "r12")
#define TK_TERNARY_ROWS_STORE \
    "ldr r0, [sp, #12]\n\t"   \
    "ldr r1, [sp, #64]\n\t"   \
    "strb.w r6, [r0], #4\n\t" \
    "strb r4, [r0, #-3]\n\t"  \
    "strb r7, [r0, #-2]\n\t"  \
    "strb r5, [r0, #-1]\n\t"  \
    "str r0, [sp, #12]\n\t"   \
    "mov r2, lr\n\t"          \
    "cmp lr, r1\n\t"          \
    "bne.w 1b\n\t"            \
    "add sp, #24\n\t"         \
    "pop {r4-r11, pc}"

TK_ASSEMBLY void tk_ternary_rows_once_dsp(TK_TERNARY_ROWS_ARGUMENTS) {
    __asm volatile(TK_TERNARY_ROWS_SUMS TK_TERNARY_ROWS_PAIR(TK_TERNARY_ONCE, "r6", "r4")
                       TK_TERNARY_ROWS_PAIR(TK_TERNARY_ONCE, "r7", "r5") TK_TERNARY_ROWS_STORE);
}
TK_ASSEMBLY void tk_ternary_rows_twice_dsp(TK_TERNARY_ROWS_ARGUMENTS) {
    __asm volatile(TK_TERNARY_ROWS_SUMS TK_TERNARY_ROWS_PAIR(TK_TERNARY_TWICE, "r6", "r4")
                       TK_TERNARY_ROWS_PAIR(TK_TERNARY_TWICE, "r7", "r5") TK_TERNARY_ROWS_STORE);
}
#else
#define TK_TERNARY_ROWS(name, double_rounding)                                              \
    static TK_NOINLINE TK_UNUSED void name(TK_TERNARY_ROWS_ARGUMENTS) {                     \
        for (; finish != end; finish += 16, w += 2 * blocks, out += 4) {                    \
            tk_ternary_tile_c(x, 1, minus, w, finish, 2 * blocks, 1, double_rounding, out); \
        }                                                                                   \
    }
TK_TERNARY_ROWS(tk_ternary_rows_once_dsp, 0)
TK_TERNARY_ROWS(tk_ternary_rows_twice_dsp, 1)
#endif

/* As tk_fully_connected_t2, of at least four channels, weight and finish packed as above; where their number is no
 * multiple of four, the last four are packed as four of their own. `scratch` holds 2 bytes for each column, rounded up
 * to eight. */
TK_KERNEL void tk_fully_connected_rows_t2_dsp(const int8_t *input, const uint32_t *weight,
                                              const int32_t *finish, int32_t double_rounding, int32_t min,
                                              int32_t max, uint32_t *scratch, int8_t *output, int32_t rows,
                                              int32_t depth, int32_t channels) {
    const int32_t blocks = (depth + 7) / 8, whole = channels / 4;
    TK_ROLLED for (int32_t row = 0; row < rows; ++row, input += depth, output += channels) {
        const int32_t minus = tk_widen_row_dsp(input, depth, scratch);
        (double_rounding ? tk_ternary_rows_twice_dsp : tk_ternary_rows_once_dsp)(
            scratch, weight, finish, output, blocks, finish + 16 * whole, minus);
        if (channels % 4) {
            (double_rounding ? tk_ternary_rows_twice_dsp : tk_ternary_rows_once_dsp)(
                scratch, weight + 2 * blocks * whole, finish + 16 * whole, output + channels - 4, blocks,
                finish + 16 * whole + 16, minus);
        }
        if (min > -128 || max < 127) {
            TK_ROLLED for (int32_t i = 0; i < channels; ++i) output[i] =
                (int8_t)tk_clamp(output[i], min, max);
        }
    }
}

#endif
