/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ADD_LINEAR_S8_DSP_H
#define TK_ADD_LINEAR_S8_DSP_H

#include "tk_add_linear_s8.h"
#include "tk_dsp.h"

/* Four sums at a time: `low` and `high` hold the halves of both factors as 16-bit lanes, so that one SMLAD on a pair of
 * values makes each half of the linear form. `end` is that of `a`, a multiple of 4 behind it; `output` may be `a` or
 * `b`. */
#define TK_ADD_FOUR_ARGUMENTS                                                         \
    const int8_t *a TK_UNUSED, const int8_t *b TK_UNUSED, int8_t *output TK_UNUSED,   \
        const int8_t *end TK_UNUSED, uint32_t low TK_UNUSED, uint32_t high TK_UNUSED, \
        int32_t bias_low TK_UNUSED, int32_t bias_high TK_UNUSED, int32_t shift TK_UNUSED

#ifdef TK_HAS_DSP
#define TK_ADD_ONE(pair)                         \
    "smlad r11, " pair ", r4, r6\n\t"            \
    "smlad " pair ", " pair ", r5, r7\n\t"       \
    "add.w " pair ", " pair ", r11, asr #16\n\t" \
    "asr.w " pair ", " pair ", r8\n\t"           \
    "ssat " pair ", #8, " pair "\n\t"
TK_ASSEMBLY void tk_add_fours_dsp(TK_ADD_FOUR_ARGUMENTS) {
    __asm volatile("push {r4-r11, lr}\n\t"
                   "ldrd r4, r5, [sp, #36]\n\t"
                   "ldrd r6, r7, [sp, #44]\n\t"
                   "ldr.w r8, [sp, #52]\n\t"
                   "1:\n\t"
                   "ldr.w r9, [r0], #4\n\t"
                   "ldr.w r10, [r1], #4\n\t"
                   "sxtb16 r11, r9, ror #8\n\t"
                   "sxtb16 r12, r10, ror #8\n\t"
                   "sxtb16 r9, r9\n\t"
                   "sxtb16 r10, r10\n\t"
                   "pkhbt lr, r9, r10, lsl #16\n\t" /* the pairs: lr, r9, r10, r12 */
                   "pkhtb r10, r10, r9, asr #16\n\t"
                   "pkhbt r9, r11, r12, lsl #16\n\t"
                   "pkhtb r12, r12, r11, asr #16\n\t" TK_ADD_ONE("lr") TK_ADD_ONE("r9") TK_ADD_ONE("r10")
                       TK_ADD_ONE("r12") "strb.w lr, [r2], #4\n\t"
                                         "strb r9, [r2, #-3]\n\t"
                                         "strb r10, [r2, #-2]\n\t"
                                         "strb r12, [r2, #-1]\n\t"
                                         "cmp r0, r3\n\t"
                                         "bne 1b\n\t"
                                         "pop {r4-r11, pc}");
}
#else
static TK_NOINLINE TK_UNUSED void tk_add_fours_dsp(TK_ADD_FOUR_ARGUMENTS) {
    for (; a != end; ++a, ++b, ++output) {
        const uint32_t pair = ((uint32_t)*a & 0xFFFFu) | (uint32_t)*b << 16;
        const int32_t sum = tk_smlad(pair, high, bias_high) + (tk_smlad(pair, low, bias_low) >> 16);
        *output = (int8_t)tk_clamp(sum >> shift, -128, 127);
    }
}
#endif

/* As tk_add_linear_s8. */
TK_KERNEL void tk_add_linear_s8_dsp(const int8_t *a, const int8_t *b, const tk_add_linear *f, int8_t *output,
                                    int32_t rows, int32_t size) {
    /* Low halves as signed lanes; what that takes from them, the high halves get. */
    const int32_t a_high = f->a_high + (f->a_low >> 15), b_high = f->b_high + (f->b_low >> 15);
    const uint32_t low = (uint32_t)f->a_low | (uint32_t)f->b_low << 16;
    const uint32_t high = ((uint32_t)a_high & 0xFFFFu) | (uint32_t)b_high << 16;
    const int32_t fours = a_high < 32768 && b_high < 32768 ? size & ~3 : 0;
    TK_ROLLED for (int32_t row = 0; row < rows; ++row, a += size, output += size) {
        if (fours) tk_add_fours_dsp(a, b, output, a + fours, low, high, f->bias_low, f->bias_high, f->shift);
        if (fours && (f->min > -128 || f->max < 127)) {
            TK_ROLLED for (int32_t i = 0; i < fours; ++i) output[i] =
                (int8_t)tk_clamp(output[i], f->min, f->max);
        }
        if (size > fours) tk_add_linear_s8(a + fours, b + fours, f, output + fours, 1, size - fours);
    }
}

#endif
