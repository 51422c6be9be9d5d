/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_S8_H
#define TK_FULLY_CONNECTED_S8_H

#include "tk.h"

/* output[row][o] = requantize(bias[o] + sum_k input[row][k] * weight[o][k])
 * input (rows, depth), weight (channels, depth), bias (channels) with the input's zero point folded in,
 * output (rows, channels). Reads and writes nothing else. */
TK_KERNEL void tk_fully_connected_s8(const int8_t *TK_RESTRICT input, const int8_t *TK_RESTRICT weight,
                                     const int32_t *TK_RESTRICT bias, const tk_requant_s8 *requant,
                                     int8_t *TK_RESTRICT output, int32_t rows, int32_t depth,
                                     int32_t channels) {
    for (int32_t row = 0; row < rows; ++row) {
        const int8_t *w = weight;
        for (int32_t o = 0; o < channels; ++o) {
            int32_t acc = bias[o];
            for (int32_t k = 0; k < depth; ++k) acc += input[k] * w[k];
            w += depth;
            *output++ = tk_requantize_s8(acc, o, requant);
        }
        input += depth;
    }
}

#endif
