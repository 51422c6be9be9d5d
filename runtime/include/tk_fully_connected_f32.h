/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_F32_H
#define TK_FULLY_CONNECTED_F32_H

#include "tk_bounds_f32.h"

/* output[row][o] = clamp(bias[o] + sum_k input[row][k] * weight[o][k], low, high) in float32.
 * input (rows, depth), weight (channels, depth), bias (channels), output (rows, channels). */
TK_KERNEL void tk_fully_connected_f32(const float *TK_RESTRICT input, const float *TK_RESTRICT weight,
                                      const float *TK_RESTRICT bias, float low, float high,
                                      float *TK_RESTRICT output, int32_t rows, int32_t depth,
                                      int32_t channels) {
    for (int32_t row = 0; row < rows; ++row) {
        const float *w = weight;
        int32_t o = 0;
        for (; o + 4 <= channels; o += 4, w += 4 * depth) { /* they share the input's loads */
            float acc[4] = {bias[o], bias[o + 1], bias[o + 2], bias[o + 3]};
            for (int32_t k = 0; k < depth; ++k) {
                const float x = input[k];
                acc[0] += x * w[k];
                acc[1] += x * w[k + depth];
                acc[2] += x * w[k + 2 * depth];
                acc[3] += x * w[k + 3 * depth];
            }
            for (int32_t i = 0; i < 4; ++i) *output++ = tk_bounded_f32(acc[i], low, high);
        }
        for (; o < channels; ++o, w += depth) {
            float acc = bias[o];
            for (int32_t k = 0; k < depth; ++k) acc += input[k] * w[k];
            *output++ = tk_bounded_f32(acc, low, high);
        }
        input += depth;
    }
}

#endif
