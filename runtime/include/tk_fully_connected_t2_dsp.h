/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_T2_DSP_H
#define TK_FULLY_CONNECTED_T2_DSP_H

#include "tk_ternary_dsp.h"

/* The body of a fully connected layer's kernel, four rows of weights at a time: FINISH makes an output of acc[i], the sum of
 * channel o + i and row `row`. */
#define TK_FULLY_CONNECTED_T2_DSP(FINISH)                              \
    const int32_t padded = (depth + 3) & ~3;                           \
    for (int32_t row = 0; row < rows; ++row, input += depth) {         \
        const int32_t minus = tk_widen_row_dsp(input, depth, scratch); \
        const uint32_t *w = weight;                                    \
        for (int32_t o = 0; o < channels; o += 4) {                    \
            int32_t acc[4];                                            \
            w = tk_four_rows_t2_dsp(scratch, w, padded, minus, acc);   \
            for (int32_t i = 0; i < 4 && o + i < channels; ++i) {      \
                *output++ = FINISH;                                    \
            }                                                          \
        }                                                              \
    }

/* As tk_fully_connected_t2, with weights packed two rows in one multiply, in tiles of four rows by four columns.
 * `scratch` holds 2 bytes for each column, rounded up to eight: the input, widened once. */
TK_KERNEL void tk_fully_connected_t2_dsp(const int8_t *input, const uint32_t *weight, const int32_t *bias,
                                         const tk_requant_s8 *requant, uint32_t *scratch, int8_t *output,
                                         int32_t rows, int32_t depth, int32_t channels) {
    TK_FULLY_CONNECTED_T2_DSP(tk_requantize_s8(acc[i] + bias[o + i], o + i, requant))
}

#endif
