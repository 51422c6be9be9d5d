/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_PER_TOKEN_T2_H
#define TK_FULLY_CONNECTED_PER_TOKEN_T2_H

#include "tk_ternary.h"
#include "tk_token_scaling.h"

/* As tk_fully_connected_per_token_s8, with weights in -1..1: t2 of tk_ternary.h, (ceil(channels / 4), depth) bytes. */
TK_KERNEL void tk_fully_connected_per_token_t2(const int8_t *TK_RESTRICT input,
                                               const uint8_t *TK_RESTRICT weight, const float *token,
                                               const tk_token_scaling *scaling, float *TK_RESTRICT output,
                                               int32_t rows, int32_t depth, int32_t channels) {
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        const int32_t sum = tk_sum_of_inputs_s8(input, depth);
        const uint8_t *group = weight;
        for (int32_t o = 0; o < channels; o += TK_T2_ROWS, group += depth) {
            int32_t sums[TK_T2_ROWS] = {-sum, -sum, -sum, -sum};
            tk_dot_t2(input, group, depth, sums);
            for (int32_t i = 0; i < tk_min(TK_T2_ROWS, channels - o); ++i) {
                *output++ = tk_scaled_sum(sums[i], token[row], o + i, scaling);
            }
        }
    }
}

#endif
