/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_PER_TOKEN_S8_H
#define TK_FULLY_CONNECTED_PER_TOKEN_S8_H

#include "tk_token_scaling.h"

/* output[row][o] = scaled_sum(sum_k input[row][k] * weight[o][k]), the sum exact in int32.
 * input (rows, depth), weight (channels, depth), token (rows), output (rows, channels). */
TK_KERNEL void tk_fully_connected_per_token_s8(const int8_t *TK_RESTRICT input,
                                               const int8_t *TK_RESTRICT weight, const float *token,
                                               const tk_token_scaling *scaling, float *TK_RESTRICT output,
                                               int32_t rows, int32_t depth, int32_t channels) {
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        const int8_t *w = weight;
        for (int32_t o = 0; o < channels; ++o, w += depth) {
            int32_t sum = 0;
            for (int32_t k = 0; k < depth; ++k) sum += input[k] * w[k];
            *output++ = tk_scaled_sum(sum, token[row], o, scaling);
        }
    }
}

#endif
