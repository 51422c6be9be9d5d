/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_S16_H
#define TK_FULLY_CONNECTED_S16_H

#include "tk_s16.h"

/* output[row][o] = requantize(bias[o] + sum_k input[row][k] * weight[o][k]): int16 activations, int8 weights. */
TK_KERNEL void tk_fully_connected_s16(const int16_t *TK_RESTRICT input, const int8_t *TK_RESTRICT weight,
                                      const int32_t *TK_RESTRICT bias, const tk_requant_exact_s16 *requant,
                                      int16_t *TK_RESTRICT output, int32_t rows, int32_t depth,
                                      int32_t channels) {
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        const int8_t *w = weight;
        for (int32_t o = 0; o < channels; ++o, w += depth) {
            int64_t acc = bias[o];
            for (int32_t k = 0; k < depth; ++k) acc += (int32_t)input[k] * w[k];
            *output++ = tk_requantize_exact_s16(acc, o, requant);
        }
    }
}

#endif
