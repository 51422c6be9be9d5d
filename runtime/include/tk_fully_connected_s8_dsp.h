/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_S8_DSP_H
#define TK_FULLY_CONNECTED_S8_DSP_H

#include "tk_dsp.h"

/* Two rows in one multiply: a weight's 16-bit half holds 256 * w_b + w_a, so one SMLAD on the raw word sums 256 * B + A
 * and one on its SXTB16 sums A. Four rows (pairs A and B) by four columns take 16 instructions for 16
 * multiply-accumulates; toolkit/ops/pack.py says how the words lie. */

#ifdef TK_HAS_DSP
#define TK_FOUR_BY_FOUR                 \
    "ldr %[x], [%[xp]], #4\n\t"         \
    "ldmia %[wp]!, {r8-r11}\n\t"        \
    "sxtb16 %[e], %[x]\n\t"             \
    "sxtb16 %[x], %[x], ror #8\n\t"     \
    "smlad %[ra], r8, %[e], %[ra]\n\t"  \
    "sxtb16 r8, r8\n\t"                 \
    "smlad %[rb], r9, %[e], %[rb]\n\t"  \
    "sxtb16 r9, r9\n\t"                 \
    "smlad %[la], r8, %[e], %[la]\n\t"  \
    "smlad %[lb], r9, %[e], %[lb]\n\t"  \
    "smlad %[ra], r10, %[x], %[ra]\n\t" \
    "sxtb16 r10, r10\n\t"               \
    "smlad %[rb], r11, %[x], %[rb]\n\t" \
    "sxtb16 r11, r11\n\t"               \
    "smlad %[la], r10, %[x], %[la]\n\t" \
    "smlad %[lb], r11, %[x], %[lb]\n\t"

#define TK_RUN_TO(end_pointer, body)                                                               \
    __asm volatile("1:\n\t" body "cmp %[xp], %[end]\n\tbne 1b"                                     \
                   : [xp] "+&r"(x), [wp] "+&r"(w), [ra] "+&r"(ra), [la] "+&r"(la), [rb] "+&r"(rb), \
                     [lb] "+&r"(lb), [x] "=&r"(t0), [e] "=&r"(t1)                                  \
                   : [end] "r"(end_pointer)                                                        \
                   : "r8", "r9", "r10", "r11", "cc", "memory")
#endif

/* Add four rows' products over 4 * groups columns to acc: combined and low row of pair A, then of pair B. Returns
 * the weights' end. */
TK_INLINE const uint32_t *tk_four_rows_s8_dsp(const int8_t *x, const uint32_t *w, int32_t groups,
                                              int32_t *acc) {
    int32_t ra = acc[0], la = acc[1], rb = acc[2], lb = acc[3];
#ifdef TK_HAS_DSP
    uint32_t t0, t1;
    const int8_t *const unrolled = x + (groups & ~3) * 4, *const end = x + groups * 4;
    if (groups >= 4) TK_RUN_TO(unrolled, TK_FOUR_BY_FOUR TK_FOUR_BY_FOUR TK_FOUR_BY_FOUR TK_FOUR_BY_FOUR);
    if (groups & 3) TK_RUN_TO(end, TK_FOUR_BY_FOUR);
#else
    for (int32_t g = 0; g < groups; ++g, x += 4, w += 4) {
        const uint32_t word = tk_load4(x), even = tk_sxtb16(word), odd = tk_sxtb16_odd(word);
        ra = tk_smlad(w[2], odd, tk_smlad(w[0], even, ra));
        la = tk_smlad(tk_sxtb16(w[2]), odd, tk_smlad(tk_sxtb16(w[0]), even, la));
        rb = tk_smlad(w[3], odd, tk_smlad(w[1], even, rb));
        lb = tk_smlad(tk_sxtb16(w[3]), odd, tk_smlad(tk_sxtb16(w[1]), even, lb));
    }
#endif
    acc[0] = ra, acc[1] = la, acc[2] = rb, acc[3] = lb;
    return w;
}

/* Sums of four rows, in order, over `groups` groups of four columns, `part` of them at a time, few enough for two rows in
 * one. `start` is what pack_two_rows made of their biases. Returns the weights' end. */
TK_INLINE const uint32_t *tk_four_sums_s8_dsp(const int8_t *input, const uint32_t *w, const int32_t *start,
                                              int32_t groups, int32_t part, int32_t *sums) {
    int32_t acc[4] = {start[0], start[1], start[2], start[3]};
    w = tk_four_rows_s8_dsp(input, w, tk_min(part, groups), acc);
    acc[0] = tk_high_row(acc[0], acc[1]);
    acc[2] = tk_high_row(acc[2], acc[3]);
    for (int32_t done = part; done < groups; done += part) {
        int32_t more[4] = {0, 0, 0, 0};
        w = tk_four_rows_s8_dsp(input + 4 * done, w, tk_min(part, groups - done), more);
        acc[0] += tk_high_row(more[0], more[1]);
        acc[1] += more[1];
        acc[2] += tk_high_row(more[2], more[3]);
        acc[3] += more[3];
    }
    sums[0] = acc[1], sums[1] = acc[0], sums[2] = acc[3], sums[3] = acc[2];
    return w;
}

/* As tk_fully_connected_s8, with weight and bias packed two rows in one. Each row of `input` is read in groups of four
 * bytes, the last one up to three bytes behind its end. */
TK_KERNEL void tk_fully_connected_s8_dsp(const int8_t *input, const uint32_t *weight, const int32_t *bias,
                                         const tk_requant_s8 *requant, int8_t *output, int32_t rows,
                                         int32_t depth, int32_t channels, int32_t part) {
    const int32_t groups = (depth + 3) / 4;
    for (int32_t row = 0; row < rows; ++row) {
        const uint32_t *w = weight;
        const int32_t *start = bias;
        for (int32_t o = 0; o < channels; o += 4, start += 4) {
            int32_t sums[4];
            w = tk_four_sums_s8_dsp(input, w, start, groups, part, sums);
            output[0] = tk_requantize_s8(sums[0], o, requant);
            if (o + 1 < channels) output[1] = tk_requantize_s8(sums[1], o + 1, requant);
            if (o + 2 < channels) output[2] = tk_requantize_s8(sums[2], o + 2, requant);
            if (o + 3 < channels) output[3] = tk_requantize_s8(sums[3], o + 3, requant);
            output += tk_min(4, channels - o);
        }
        input += depth;
    }
}

#endif
