/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_INPUT_GRADIENT_F32_H
#define TK_DEPTHWISE_INPUT_GRADIENT_F32_H

#include "tk_gradient_f32.h"

enum { TK_DEPTHWISE_TILE = 4 }; /* channels whose sums lie in registers */

/* `count` channels of the input pixel (row, col); `gradient` and `weight` begin with the first of its output channels. */
TK_INLINE void tk_depthwise_gradient_tile_f32(const float *gradient, const float *weight, int32_t row,
                                              int32_t col, const tk_window *w, float *output, int32_t count) {
    const int32_t multiplier = w->out_c / w->in_c, taps = w->kernel_h * w->kernel_w;
    float sum[TK_DEPTHWISE_TILE];
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) sum[k] = 0.0f;
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        const int32_t y = tk_output_over(row, w->pad_top - i * w->dilation_h, w->stride_h, w->out_h);
        if (y < 0) continue;
        for (int32_t j = 0; j < w->kernel_w; ++j) {
            const int32_t x = tk_output_over(col, w->pad_left - j * w->dilation_w, w->stride_w, w->out_w);
            if (x < 0) continue;
            const float *from = gradient + (y * w->out_w + x) * w->out_c;
            const float *tap = weight + i * w->kernel_w + j;
            for (int32_t m = 0; m < multiplier; ++m) {
                TK_UNROLLED
                for (int32_t k = 0; k < count; ++k) {
                    const int32_t o = k * multiplier + m;
                    sum[k] += from[o] * tap[o * taps];
                }
            }
        }
    }
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) output[k] = sum[k];
}

/* The gradient by the input of a depthwise convolution, from `gradient` by its output: weight (out_c, kernel_h, kernel_w).
 * Sums are taken tap by tap, then output channel by output channel. */
TK_KERNEL void tk_depthwise_input_gradient_f32(const float *gradient, const float *weight, float *output,
                                               const tk_window *w) {
    const int32_t multiplier = w->out_c / w->in_c, filters = multiplier * w->kernel_h * w->kernel_w;
    for (int32_t row = 0; row < w->in_h; ++row) {
        for (int32_t col = 0; col < w->in_w; ++col, output += w->in_c) {
            int32_t c = 0;
            for (; c + TK_DEPTHWISE_TILE <= w->in_c; c += TK_DEPTHWISE_TILE) {
                tk_depthwise_gradient_tile_f32(gradient + c * multiplier, weight + c * filters, row, col, w,
                                               output + c, TK_DEPTHWISE_TILE);
            }
            for (; c < w->in_c; ++c) {
                tk_depthwise_gradient_tile_f32(gradient + c * multiplier, weight + c * filters, row, col, w,
                                               output + c, 1);
            }
        }
    }
}

#endif
