/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ADD_LINEAR_S8_DSP_H
#define TK_ADD_LINEAR_S8_DSP_H

#include "tk_dsp.h"

/* A sum as one linear form: ((a * factor_a >> 8) + (b * factor_b >> 8) + bias) >> shift, found by
 * toolkit.ops.add_linear. */
typedef struct {
    int32_t factor_a, factor_b, bias;
    int32_t shift;
    int32_t min, max;
} tk_add_words;

/* Four sums at a time. A word is taken apart to lanes that hold 256 times a value, whose products with whole factors
 * SMLAWB and SMLAWT add, less 16 bits. `end` is that of `a`, a multiple of 4 behind it; `output` may be `a` or `b`. */
#define TK_ADD_FOUR_ARGUMENTS                                                       \
    const int8_t *a TK_UNUSED, const int8_t *b TK_UNUSED, int8_t *output TK_UNUSED, \
        const int8_t *end TK_UNUSED, const tk_add_words *form TK_UNUSED

TK_INLINE int8_t tk_add_one(int32_t a, int32_t b, const tk_add_words *f) {
    const int32_t first = (int32_t)((int64_t)a * f->factor_a >> 8);
    const int32_t second = (int32_t)((int64_t)b * f->factor_b >> 8);
    return (int8_t)tk_clamp((f->bias + first + second) >> f->shift, -128, 127);
}

#ifdef TK_HAS_DSP
#define TK_ADD_ONE(half, to, a, b)                \
    "smlaw" half " " to ", r4, " a ", r6\n\t"     \
    "smlaw" half " " to ", r5, " b ", " to "\n\t" \
    "asr.w " to ", " to ", r7\n\t"                \
    "ssat " to ", #8, " to "\n\t"
TK_ASSEMBLY void tk_add_fours_dsp(TK_ADD_FOUR_ARGUMENTS) {
    __asm volatile(
        "push {r4-r11, lr}\n\t"
        "ldr r8, [sp, #36]\n\t"
        "ldmia r8, {r4, r5, r6, r7}\n\t"
        "mov r8, #0xff00ff00\n\t"
        "1:\n\t"
        "ldr.w r9, [r0], #4\n\t"
        "ldr.w r10, [r1], #4\n\t"
        "and r11, r8, r9\n\t" /* bytes 1 and 3 */
        "and r12, r8, r10\n\t"
        "and r9, r8, r9, lsl #8\n\t" /* bytes 0 and 2 */
        "and r10, r8, r10, lsl #8\n\t" TK_ADD_ONE(
            "b", "lr", "r9",
            "r10") "strb.w lr, [r2], "
                   "#4\n\t" TK_ADD_ONE("t", "r9", "r9", "r10") "strb r9, [r2, #-2]\n\t" TK_ADD_ONE(
                       "b", "r10", "r11", "r12") "strb r10, [r2, "
                                                 "#-3]\n\t" TK_ADD_ONE("t",
                                                                       "r"
                                                                       "1"
                                                                       "1",
                                                                       "r"
                                                                       "1"
                                                                       "1",
                                                                       "r"
                                                                       "1"
                                                                       "2") "cmp r0, r3\n\t"
                                                                            "strb r11, [r2, #-1]\n\t"
                                                                            "bne 1b\n\t"
                                                                            "pop {r4-r11, pc}");
}
#else
static TK_NOINLINE TK_UNUSED void tk_add_fours_dsp(TK_ADD_FOUR_ARGUMENTS) {
    for (; a != end; ++a, ++b, ++output) *output = tk_add_one(*a, *b, form);
}
#endif

/* As tk_add_linear_s8. */
TK_KERNEL void tk_add_linear_s8_dsp(const int8_t *a, const int8_t *b, const tk_add_words *f, int8_t *output,
                                    int32_t rows, int32_t size) {
    const int32_t fours = size & ~3;
    TK_ROLLED for (int32_t row = 0; row < rows; ++row, a += size, output += size) {
        if (fours) tk_add_fours_dsp(a, b, output, a + fours, f);
        for (int32_t i = fours; i < size; ++i) output[i] = tk_add_one(a[i], b[i], f);
        if (f->min > -128 || f->max < 127) {
            TK_ROLLED for (int32_t i = 0; i < size; ++i) output[i] =
                (int8_t)tk_clamp(output[i], f->min, f->max);
        }
    }
}

#endif
