/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_ROWS_S8_DSP_H
#define TK_FULLY_CONNECTED_ROWS_S8_DSP_H

#include "tk_dsp.h"

/* Four output channels at a time, two in one multiply as tk_fully_connected_s8_dsp.h says, up to the int8 outputs.
 *
 *   x       the inputs, `groups` of four columns
 *   w       for every four channels (pairs A and B) and four columns: the words A02, B02, A13, B13
 *   finish  sixteen words for every four channels, up to `end`: the sums' start (combined and first channel of A, then
 *           of B); multiplier, rounding constant with the zero point, and shift of each channel */
#define TK_FOUR_ROWS_ARGUMENTS                                                               \
    const int8_t *x TK_UNUSED, const uint32_t *w TK_UNUSED, const int32_t *finish TK_UNUSED, \
        int8_t *out TK_UNUSED, int32_t groups TK_UNUSED, const int32_t *end TK_UNUSED

#ifdef TK_HAS_DSP
#define TK_FOUR_ROWS_GROUP      \
    "ldr.w r2, [r0], #4\n\t"    \
    "ldmia.w r1!, {r8-r11}\n\t" \
    "sxtb16 r3, r2\n\t"         \
    "sxtb16 r2, r2, ror #8\n\t" \
    "smlad r4, r8, r3, r4\n\t"  \
    "sxtb16 r8, r8\n\t"         \
    "smlad r6, r9, r3, r6\n\t"  \
    "sxtb16 r9, r9\n\t"         \
    "smlad r5, r8, r3, r5\n\t"  \
    "smlad r7, r9, r3, r7\n\t"  \
    "smlad r4, r10, r2, r4\n\t" \
    "sxtb16 r10, r10\n\t"       \
    "smlad r6, r11, r2, r6\n\t" \
    "sxtb16 r11, r11\n\t"       \
    "smlad r5, r10, r2, r5\n\t" \
    "smlad r7, r11, r2, r7\n\t" /* 16 instructions of 4 bytes */

/* On the stack: x, its end, where the first block begins, out; from 52 the arguments groups and end. */
#define TK_FOUR_ROWS_SUMS                                                              \
    "push {r4-r11, lr}\n\t"                                                            \
    "sub sp, #16\n\t"                                                                  \
    "mov lr, r2\n\t"                                                                   \
    "ldr r4, [sp, #52]\n\t"                                                            \
    "add r12, r0, r4, lsl #2\n\t"                                                      \
    "strd r0, r12, [sp]\n\t"                                                           \
    "rsb r4, r4, #0\n\t" /* groups that the first of the blocks of eight leaves out */ \
    "and r4, r4, #7\n\t"                                                               \
    "adr.w r7, 2f\n\t"                                                                 \
    "add r4, r7, r4, lsl #6\n\t"                                                       \
    "orr r4, r4, #1\n\t"                                                               \
    "strd r4, r3, [sp, #8]\n\t"                                                        \
    "1:\n\t"                                                                           \
    "ldmia lr!, {r4, r5, r6, r7}\n\t"                                                  \
    "ldrd r0, r12, [sp]\n\t"                                                           \
    "ldr.w pc, [sp, #8]\n\t"                                                           \
    ".p2align 2\n\t"                                                                   \
    "2:\n\t"                                                                           \
    ".rept 8\n\t" TK_FOUR_ROWS_GROUP ".endr\n\t"                                       \
    "cmp r0, r12\n\t"                                                                  \
    "bne.w 2b\n\t"                                                                     \
    "sub r4, r4, r5\n\t" /* the second channels' sums times 256 */                     \
    "sub r6, r6, r7\n\t" TK_FOUR_ROWS_FINISH
#define TK_FOUR_ROWS_FINISH "ldmia lr!, {r0, r2, r3, r8, r9, r10}\n\t" /* of two channels */
#define TK_FOUR_ROWS_STORE    \
    "ldr r0, [sp, #12]\n\t"   \
    "ldr r2, [sp, #56]\n\t"   \
    "strb.w r5, [r0], #4\n\t" \
    "strb r4, [r0, #-3]\n\t"  \
    "strb r7, [r0, #-2]\n\t"  \
    "strb r6, [r0, #-1]\n\t"  \
    "str r0, [sp, #12]\n\t"   \
    "cmp lr, r2\n\t"          \
    "bne.w 1b\n\t"            \
    "add sp, #16\n\t"         \
    "pop {r4-r11, pc}"

#define TK_FOUR_ROWS_ONCE(acc, multiplier, constant, shift)    \
    "smmla " acc ", " acc ", " multiplier ", " constant "\n\t" \
    "asr.w " acc ", " acc ", " shift "\n\t"                    \
    "ssat " acc ", #8, " acc "\n\t"
/* As in tk_pair_tile_dsp.h. */
#define TK_FOUR_ROWS_TWICE(doubled, acc, multiplier, constant, shift) \
    doubled "\n\t"                                                    \
            "smmlar r11, " acc ", " multiplier ", " constant "\n\t"   \
            "add.w " acc ", r11, " acc ", asr #31\n\t"                \
            "asr.w " acc ", " acc ", " shift "\n\t"                   \
            "ssat " acc ", #8, " acc "\n\t"

TK_ASSEMBLY void tk_four_rows_once_dsp(TK_FOUR_ROWS_ARGUMENTS) {
    __asm volatile(TK_FOUR_ROWS_SUMS TK_FOUR_ROWS_ONCE("r5", "r0", "r2", "r3")
                       TK_FOUR_ROWS_ONCE("r4", "r8", "r9", "r10")
                           TK_FOUR_ROWS_FINISH TK_FOUR_ROWS_ONCE("r7", "r0", "r2", "r3")
                               TK_FOUR_ROWS_ONCE("r6", "r8", "r9", "r10") TK_FOUR_ROWS_STORE);
}
TK_ASSEMBLY void tk_four_rows_twice_dsp(TK_FOUR_ROWS_ARGUMENTS) {
    __asm volatile(TK_FOUR_ROWS_SUMS TK_FOUR_ROWS_TWICE("lsl.w r5, r5, #1", "r5", "r0", "r2", "r3")
                       TK_FOUR_ROWS_TWICE("asr.w r4, r4, #7", "r4", "r8", "r9", "r10")
                           TK_FOUR_ROWS_FINISH TK_FOUR_ROWS_TWICE("lsl.w r7, r7, #1", "r7", "r0", "r2", "r3")
                               TK_FOUR_ROWS_TWICE("asr.w r6, r6, #7", "r6", "r8", "r9", "r10")
                                   TK_FOUR_ROWS_STORE);
}
#else
TK_INLINE void tk_four_rows_c(TK_FOUR_ROWS_ARGUMENTS, int32_t double_rounding) {
    for (; finish != end; finish += 16, out += 4) {
        int32_t sums[4] = {finish[0], finish[1], finish[2], finish[3]};
        for (int32_t g = 0; g < groups; ++g, w += 4) {
            const uint32_t word = tk_load4(x + 4 * g), even = tk_sxtb16(word), odd = tk_sxtb16_odd(word);
            for (int32_t i = 0; i < 2; ++i) {
                sums[2 * i] = tk_smlad(w[i + 2], odd, tk_smlad(w[i], even, sums[2 * i]));
                sums[2 * i + 1] =
                    tk_smlad(tk_sxtb16(w[i + 2]), odd, tk_smlad(tk_sxtb16(w[i]), even, sums[2 * i + 1]));
            }
        }
        for (int32_t i = 0; i < 4; ++i) {
            const int32_t first = sums[i | 1], *const words = finish + 4 + 3 * i;
            int32_t acc = i % 2 ? (int32_t)((uint32_t)sums[i - 1] - (uint32_t)first) : first, high;
            if (double_rounding) {
                acc = i % 2 ? acc >> 7 : 2 * acc;
                high = (int32_t)(((int64_t)acc * words[0] + ((int64_t)1 << 31)) >> 32) - (acc < 0);
            } else {
                high = (int32_t)(((int64_t)acc * words[0]) >> 32);
            }
            out[i] = (int8_t)tk_clamp((high + words[1]) >> words[2], -128, 127);
        }
    }
}
static TK_NOINLINE TK_UNUSED void tk_four_rows_once_dsp(TK_FOUR_ROWS_ARGUMENTS) {
    tk_four_rows_c(x, w, finish, out, groups, end, 0);
}
static TK_NOINLINE TK_UNUSED void tk_four_rows_twice_dsp(TK_FOUR_ROWS_ARGUMENTS) {
    tk_four_rows_c(x, w, finish, out, groups, end, 1);
}
#endif

/* As tk_fully_connected_s8, of at least four channels; where their number is no multiple of four, the last four are
 * packed as four of their own. Each row of `input` is read in groups of four bytes, the last one up to three bytes behind its
 * end. */
TK_KERNEL void tk_fully_connected_rows_s8_dsp(const int8_t *input, const uint32_t *weight,
                                              const int32_t *finish, int32_t double_rounding, int32_t min,
                                              int32_t max, int8_t *output, int32_t rows, int32_t depth,
                                              int32_t channels) {
    const int32_t groups = (depth + 3) / 4, whole = channels / 4;
    TK_ROLLED for (int32_t row = 0; row < rows; ++row, input += depth, output += channels) {
        (double_rounding ? tk_four_rows_twice_dsp : tk_four_rows_once_dsp)(input, weight, finish, output,
                                                                           groups, finish + 16 * whole);
        if (channels % 4) {
            (double_rounding ? tk_four_rows_twice_dsp : tk_four_rows_once_dsp)(
                input, weight + 4 * groups * whole, finish + 16 * whole, output + channels - 4, groups,
                finish + 16 * whole + 16);
        }
        if (min > -128 || max < 127) {
            TK_ROLLED for (int32_t i = 0; i < channels; ++i) output[i] =
                (int8_t)tk_clamp(output[i], min, max);
        }
    }
}

#endif
