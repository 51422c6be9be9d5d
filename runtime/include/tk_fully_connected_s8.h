/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_S8_H
#define TK_FULLY_CONNECTED_S8_H

#include "tk.h"

/* output[row][o] = requantize(bias[o] + sum_k (input[row][k] - zero_point) * weight[o][k])
 * input (rows, depth), weight (channels, depth), bias (channels), output (rows, channels). Reads and writes nothing
 * else. */
TK_INLINE void tk_fully_connected_centred_s8(const int8_t *TK_RESTRICT input, int32_t zero_point,
                                             const TK_ROM int8_t *TK_RESTRICT weight,
                                             const TK_ROM int32_t *TK_RESTRICT bias,
                                             const tk_requant_s8 *requant, int8_t *TK_RESTRICT output,
                                             int32_t rows, int32_t depth, int32_t channels) {
    for (int32_t row = 0; row < rows; ++row, input += depth, output += channels) {
        int32_t o = 0;
        for (const TK_ROM int8_t *w = weight; o + 4 <= channels;
             o += 4, w += 4 * depth) { /* they share the input's loads */
            int32_t acc[4] = {bias[o], bias[o + 1], bias[o + 2], bias[o + 3]};
            for (int32_t k = 0; k < depth; ++k) {
                const int32_t x = input[k] - zero_point;
                acc[0] += x * w[k];
                acc[1] += x * w[k + depth];
                acc[2] += x * w[k + 2 * depth];
                acc[3] += x * w[k + 3 * depth];
            }
            for (int32_t i = 0; i < 4; ++i) output[o + i] = tk_requantize_s8(acc[i], o + i, requant);
        }
        for (; o < channels; ++o) {
            int32_t acc = bias[o];
            for (int32_t k = 0; k < depth; ++k) acc += (input[k] - zero_point) * weight[o * depth + k];
            output[o] = tk_requantize_s8(acc, o, requant);
        }
    }
}

/* The same, the input's zero point being folded into the biases. */
TK_KERNEL void tk_fully_connected_s8(const int8_t *TK_RESTRICT input, const TK_ROM int8_t *TK_RESTRICT weight,
                                     const TK_ROM int32_t *TK_RESTRICT bias, const tk_requant_s8 *requant,
                                     int8_t *TK_RESTRICT output, int32_t rows, int32_t depth,
                                     int32_t channels) {
    tk_fully_connected_centred_s8(input, 0, weight, bias, requant, output, rows, depth, channels);
}

#endif
