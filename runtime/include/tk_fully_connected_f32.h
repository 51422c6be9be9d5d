/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_F32_H
#define TK_FULLY_CONNECTED_F32_H

#include "tk.h"

/* output[row][o] = clamp(bias[o] + sum_k input[row][k] * weight[o][k], low, high) in float32.
 * input (rows, depth), weight (channels, depth), bias (channels), output (rows, channels). */
TK_KERNEL void tk_fully_connected_f32(const float *TK_RESTRICT input, const float *TK_RESTRICT weight,
                                      const float *TK_RESTRICT bias, float low, float high,
                                      float *TK_RESTRICT output, int32_t rows, int32_t depth,
                                      int32_t channels) {
    for (int32_t row = 0; row < rows; ++row) {
        const float *w = weight;
        for (int32_t o = 0; o < channels; ++o) {
            float acc = bias[o];
            for (int32_t k = 0; k < depth; ++k) acc += input[k] * w[k];
            w += depth;
            *output++ = acc < low ? low : acc > high ? high : acc;
        }
        input += depth;
    }
}

#endif
