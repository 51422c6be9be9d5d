/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_T2_DSP_H
#define TK_FULLY_CONNECTED_T2_DSP_H

#include "tk_ternary_dsp.h"

/* As tk_fully_connected_t2, with weights packed two rows in one multiply, in tiles of four rows by four columns.
 * `scratch` holds 2 * padded bytes, padded = depth rounded up to 4: the input, widened once. */
TK_KERNEL void tk_fully_connected_t2_dsp(const int8_t *input, const uint32_t *weight, const int32_t *bias,
                                         const tk_requant_s8 *requant, uint32_t *scratch, int8_t *output,
                                         int32_t rows, int32_t depth, int32_t channels) {
    const int32_t padded = (depth + 3) & ~3;
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        int32_t k = 0;
        uint32_t *to = scratch;
        for (; k + 4 <= depth; k += 4, to += 2) {
            const uint32_t word = tk_load4(input + k);
            to[0] = tk_sxtb16(word);
            to[1] = tk_sxtb16_odd(word);
        }
        if (k < padded) {
            uint32_t word = 0;
            for (int32_t i = depth - 1; i >= k; --i) word = word << 8 | (uint8_t)input[i];
            to[0] = tk_sxtb16(word);
            to[1] = tk_sxtb16_odd(word);
        }
        const int32_t sum = tk_sum_lanes_dsp(scratch, padded, 1);
        const uint32_t *w = weight;
        for (int32_t o = 0; o < channels; o += 4) {
            int32_t acc[4] = {-sum, 0, -sum, 0};
            const uint32_t *x = scratch;
            for (int32_t left = padded; left > 0; left -= 32) {
                int32_t p = 0, q = 0;
                for (int32_t n = tk_min(left, 32); n > 0; n -= 4, x += 2) {
                    const uint32_t word = *w++;
                    p = tk_smlad(word & TK_TERNARY_MASK, x[0], p);
                    q = tk_smlad(TK_AND_ROR(TK_TERNARY_MASK, word, 4), x[0], q);
                    p = tk_smlad(TK_AND_ROR(TK_TERNARY_MASK, word, 8), x[1], p);
                    q = tk_smlad(TK_AND_ROR(TK_TERNARY_MASK, word, 12), x[1], q);
                }
                TK_TERNARY_SPLIT(p, acc[0], acc[1]);
                TK_TERNARY_SPLIT(q, acc[2], acc[3]);
            }
            for (int32_t i = 0; i < 4 && o + i < channels; ++i) {
                *output++ = tk_requantize_s8(acc[i] + bias[o + i], o + i, requant);
            }
        }
    }
}

#endif
