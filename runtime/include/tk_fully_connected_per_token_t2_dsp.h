/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_PER_TOKEN_T2_DSP_H
#define TK_FULLY_CONNECTED_PER_TOKEN_T2_DSP_H

#include "tk_ternary_dsp.h"
#include "tk_token_scaling.h"

/* As tk_fully_connected_per_token_t2, with weights in tiles of four rows by four columns, as tk_fully_connected_t2_dsp.
 * `scratch` holds 2 bytes for each column, rounded up to eight: the input, widened once. */
TK_KERNEL void tk_fully_connected_per_token_t2_dsp(const int8_t *input, const uint32_t *weight,
                                                   const float *token, const tk_token_scaling *scaling,
                                                   uint32_t *scratch, float *output, int32_t rows,
                                                   int32_t depth, int32_t channels) {
    const int32_t padded = (depth + 3) & ~3;
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        const int32_t minus = tk_widen_row_dsp(input, depth, scratch);
        const uint32_t *w = weight;
        for (int32_t o = 0; o < channels; o += 4) {
            int32_t acc[4];
            w = tk_four_rows_t2_dsp(scratch, w, padded, minus, acc);
            for (int32_t i = 0; i < 4 && o + i < channels; ++i) {
                *output++ = tk_scaled_sum(acc[i], token[row], o + i, scaling);
            }
        }
    }
}

#endif
