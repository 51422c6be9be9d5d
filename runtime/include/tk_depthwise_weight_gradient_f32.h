/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_WEIGHT_GRADIENT_F32_H
#define TK_DEPTHWISE_WEIGHT_GRADIENT_F32_H

#include "tk_gradient_f32.h"

enum { TK_DEPTHWISE_FILTERS = 4 }; /* output channels whose sums lie in registers */

/* Tap (i, j) of `count` output channels from `first` on. */
TK_INLINE void tk_depthwise_taps_real(const void *input, const void *gradient, int32_t i, int32_t j,
                                      int32_t first, const tk_window *w, const void *weight,
                                      const float *rate, void *output, int32_t bytes, int32_t out_bytes,
                                      int32_t count) {
    const int32_t multiplier = w->out_c / w->in_c, taps = w->kernel_h * w->kernel_w;
    const int32_t top = i * w->dilation_h - w->pad_top, left = j * w->dilation_w - w->pad_left;
    const tk_reach rows = tk_reach_of(top, w->stride_h, w->in_h, w->out_h);
    const tk_reach columns = tk_reach_of(left, w->stride_w, w->in_w, w->out_w);
    float sum[TK_DEPTHWISE_FILTERS];
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) sum[k] = 0.0f;
    for (int32_t y = rows.begin; y < rows.end; ++y) {
        int32_t from = (y * w->out_w + columns.begin) * w->out_c + first;
        int32_t pixel = ((top + y * w->stride_h) * w->in_w + left + columns.begin * w->stride_w) * w->in_c;
        for (int32_t x = columns.begin; x < columns.end; ++x) {
            TK_UNROLLED
            for (int32_t k = 0; k < count; ++k) {
                sum[k] += tk_real_at(gradient, from + k, bytes) *
                          tk_real_at(input, pixel + (first + k) / multiplier, bytes);
            }
            from += w->out_c;
            pixel += w->stride_w * w->in_c;
        }
    }
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) {
        const int32_t at = (first + k) * taps + i * w->kernel_w + j;
        tk_put_stepped(output, weight, rate, at, out_bytes, sum[k]);
    }
}

TK_INLINE void tk_depthwise_weight_gradient_real(const void *input, const void *gradient, const void *weight,
                                                 const float *rate, void *output, const tk_window *w,
                                                 int32_t bytes, int32_t out_bytes) {
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        for (int32_t j = 0; j < w->kernel_w; ++j) {
            int32_t o = 0;
            for (; o + TK_DEPTHWISE_FILTERS <= w->out_c; o += TK_DEPTHWISE_FILTERS) {
                tk_depthwise_taps_real(input, gradient, i, j, o, w, weight, rate, output, bytes, out_bytes,
                                       TK_DEPTHWISE_FILTERS);
            }
            for (; o < w->out_c; ++o) {
                tk_depthwise_taps_real(input, gradient, i, j, o, w, weight, rate, output, bytes, out_bytes,
                                       1);
            }
        }
    }
}

/* The gradient by the weight (out_c, kernel_h, kernel_w) of a depthwise convolution, from its input and `gradient` by its
 * output. Sums are taken over the output's pixels, row by row. With a `rate` the output is the weight after a step down the
 * gradient, and may lie where `weight` does; else both are NULL. */
TK_KERNEL void tk_depthwise_weight_gradient_f32(const float *input, const float *gradient,
                                                const float *weight, const float *rate, float *output,
                                                const tk_window *w) {
    tk_depthwise_weight_gradient_real(input, gradient, weight, rate, output, w, 4, 4);
}

/* The same of halves, summed in float32; weight and output have `out_bytes` a value: halves or floats. */
TK_KERNEL void tk_depthwise_weight_gradient_f16(const uint16_t *input, const uint16_t *gradient,
                                                const void *weight, const float *rate, void *output,
                                                const tk_window *w, int32_t out_bytes) {
    tk_depthwise_weight_gradient_real(input, gradient, weight, rate, output, w, 2, out_bytes);
}

#endif
