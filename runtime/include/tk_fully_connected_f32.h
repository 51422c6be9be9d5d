/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_F32_H
#define TK_FULLY_CONNECTED_F32_H

#include "tk_bounds_f32.h"
#include "tk_half.h"

enum { TK_FULLY_CONNECTED_ROWS = 4 }; /* channels that share the input's loads */

/* Add to `count` channels' sums what `step` inputs from number k on give, one after the other. */
TK_INLINE void tk_fully_connected_step(const void *input, const void *weight, int32_t k, int32_t depth,
                                       int32_t bytes, float *sum, int32_t count, int32_t step) {
    float x[2], w[2];
    tk_reals_at(input, k, bytes, x, step);
    TK_UNROLLED
    for (int32_t o = 0; o < count; ++o) {
        tk_reals_at(weight, o * depth + k, bytes, w, step);
        TK_UNROLLED
        for (int32_t i = 0; i < step; ++i) sum[o] += x[i] * w[i];
    }
}

/* `count` channels of one row. */
TK_INLINE void tk_fully_connected_tile(const void *input, const void *weight, const float *bias, float low,
                                       float high, void *output, int32_t at, int32_t depth, int32_t bytes,
                                       int32_t out_bytes, int32_t count) {
    float sum[TK_FULLY_CONNECTED_ROWS];
    TK_UNROLLED
    for (int32_t o = 0; o < count; ++o) sum[o] = bias[o];
    int32_t k = 0;
    if (bytes == 2) {
        for (; k + 2 <= depth; k += 2) tk_fully_connected_step(input, weight, k, depth, bytes, sum, count, 2);
    }
    for (; k < depth; ++k) tk_fully_connected_step(input, weight, k, depth, bytes, sum, count, 1);
    TK_UNROLLED
    for (int32_t o = 0; o < count; ++o) {
        tk_put_real(output, at + o, out_bytes, tk_bounded_f32(sum[o], low, high));
    }
}

TK_INLINE void tk_fully_connected_real(const void *TK_RESTRICT input, const void *TK_RESTRICT weight,
                                       const float *TK_RESTRICT bias, float low, float high,
                                       void *TK_RESTRICT output, int32_t rows, int32_t depth,
                                       int32_t channels, int32_t bytes, int32_t out_bytes) {
    const int32_t tile = TK_FULLY_CONNECTED_ROWS;
    for (int32_t row = 0; row < rows; ++row) {
        const void *x = tk_real_from(input, row * depth, bytes);
        int32_t o = 0;
        for (; o + tile <= channels; o += tile) {
            tk_fully_connected_tile(x, tk_real_from(weight, o * depth, bytes), bias + o, low, high, output,
                                    row * channels + o, depth, bytes, out_bytes, TK_FULLY_CONNECTED_ROWS);
        }
        for (; o < channels; ++o) {
            tk_fully_connected_tile(x, tk_real_from(weight, o * depth, bytes), bias + o, low, high, output,
                                    row * channels + o, depth, bytes, out_bytes, 1);
        }
    }
}

/* output[row][o] = clamp(bias[o] + sum_k input[row][k] * weight[o][k], low, high) in float32.
 * input (rows, depth), weight (channels, depth), bias (channels), output (rows, channels). */
TK_KERNEL void tk_fully_connected_f32(const float *input, const float *weight, const float *bias, float low,
                                      float high, float *output, int32_t rows, int32_t depth,
                                      int32_t channels) {
    tk_fully_connected_real(input, weight, bias, low, high, output, rows, depth, channels, 4, 4);
}

/* The same of halves, summed in float32; the output has `out_bytes` a value: halves or floats. */
TK_KERNEL void tk_fully_connected_f16(const uint16_t *input, const uint16_t *weight, const float *bias,
                                      float low, float high, void *output, int32_t rows, int32_t depth,
                                      int32_t channels, int32_t out_bytes) {
    tk_fully_connected_real(input, weight, bias, low, high, output, rows, depth, channels, 2, out_bytes);
}

#endif
