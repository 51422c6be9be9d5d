/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_WEIGHT_GRADIENT_F32_H
#define TK_DEPTHWISE_WEIGHT_GRADIENT_F32_H

#include "tk_gradient_f32.h"

enum { TK_DEPTHWISE_FILTERS = 4 }; /* output channels whose sums lie in registers */

/* Tap (i, j) of `count` output channels from `first` on. */
TK_INLINE void tk_depthwise_taps_f32(const float *input, const float *gradient, int32_t i, int32_t j,
                                     int32_t first, const tk_window *w, const float *weight,
                                     const float *rate, float *output, int32_t count) {
    const int32_t multiplier = w->out_c / w->in_c, taps = w->kernel_h * w->kernel_w;
    const int32_t top = i * w->dilation_h - w->pad_top, left = j * w->dilation_w - w->pad_left;
    const tk_reach rows = tk_reach_of(top, w->stride_h, w->in_h, w->out_h);
    const tk_reach columns = tk_reach_of(left, w->stride_w, w->in_w, w->out_w);
    float sum[TK_DEPTHWISE_FILTERS];
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) sum[k] = 0.0f;
    for (int32_t y = rows.begin; y < rows.end; ++y) {
        const float *from = gradient + (y * w->out_w + columns.begin) * w->out_c + first;
        const float *pixel =
            input + ((top + y * w->stride_h) * w->in_w + left + columns.begin * w->stride_w) * w->in_c;
        for (int32_t x = columns.begin; x < columns.end; ++x) {
            TK_UNROLLED
            for (int32_t k = 0; k < count; ++k) sum[k] += from[k] * pixel[(first + k) / multiplier];
            from += w->out_c;
            pixel += w->stride_w * w->in_c;
        }
    }
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) {
        const int32_t at = (first + k) * taps + i * w->kernel_w + j;
        output[at] = tk_stepped(weight, rate, at, sum[k]);
    }
}

/* The gradient by the weight (out_c, kernel_h, kernel_w) of a depthwise convolution, from its input and `gradient` by its
 * output. Sums are taken over the output's pixels, row by row. With a `rate` the output is the weight after a step down the
 * gradient, and may lie where `weight` does; else both are NULL. */
TK_KERNEL void tk_depthwise_weight_gradient_f32(const float *input, const float *gradient,
                                                const float *weight, const float *rate, float *output,
                                                const tk_window *w) {
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        for (int32_t j = 0; j < w->kernel_w; ++j) {
            int32_t o = 0;
            for (; o + TK_DEPTHWISE_FILTERS <= w->out_c; o += TK_DEPTHWISE_FILTERS) {
                tk_depthwise_taps_f32(input, gradient, i, j, o, w, weight, rate, output,
                                      TK_DEPTHWISE_FILTERS);
            }
            for (; o < w->out_c; ++o)
                tk_depthwise_taps_f32(input, gradient, i, j, o, w, weight, rate, output, 1);
        }
    }
}

#endif
