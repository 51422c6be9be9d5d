/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_INPUT_GRADIENT_F32_H
#define TK_DEPTHWISE_INPUT_GRADIENT_F32_H

#include "tk_gradient_f32.h"

enum { TK_DEPTHWISE_TILE = 4 }; /* channels whose sums lie in registers */

/* `count` channels of the input pixel (row, col); `gradient` and `weight` begin with the first of its output channels. */
TK_INLINE void tk_depthwise_gradient_tile_real(const void *gradient, const void *weight, int32_t row,
                                               int32_t col, const tk_window *w, void *output, int32_t at,
                                               int32_t bytes, int32_t out_bytes, int32_t count) {
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
            const int32_t from = (y * w->out_w + x) * w->out_c;
            const int32_t tap = i * w->kernel_w + j;
            for (int32_t m = 0; m < multiplier; ++m) {
                TK_UNROLLED
                for (int32_t k = 0; k < count; ++k) {
                    const int32_t o = k * multiplier + m;
                    sum[k] +=
                        tk_real_at(gradient, from + o, bytes) * tk_real_at(weight, tap + o * taps, bytes);
                }
            }
        }
    }
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) tk_put_real(output, at + k, out_bytes, sum[k]);
}

TK_INLINE void tk_depthwise_input_gradient_real(const void *gradient, const void *weight, void *output,
                                                const tk_window *w, int32_t bytes, int32_t out_bytes) {
    const int32_t multiplier = w->out_c / w->in_c, filters = multiplier * w->kernel_h * w->kernel_w;
    int32_t at = 0;
    for (int32_t row = 0; row < w->in_h; ++row) {
        for (int32_t col = 0; col < w->in_w; ++col, at += w->in_c) {
            int32_t c = 0;
            for (; c + TK_DEPTHWISE_TILE <= w->in_c; c += TK_DEPTHWISE_TILE) {
                tk_depthwise_gradient_tile_real(tk_real_from(gradient, c * multiplier, bytes),
                                                tk_real_from(weight, c * filters, bytes), row, col, w, output,
                                                at + c, bytes, out_bytes, TK_DEPTHWISE_TILE);
            }
            for (; c < w->in_c; ++c) {
                tk_depthwise_gradient_tile_real(tk_real_from(gradient, c * multiplier, bytes),
                                                tk_real_from(weight, c * filters, bytes), row, col, w, output,
                                                at + c, bytes, out_bytes, 1);
            }
        }
    }
}

/* The gradient by the input of a depthwise convolution, from `gradient` by its output: weight (out_c, kernel_h, kernel_w).
 * Sums are taken tap by tap, then output channel by output channel. */
TK_KERNEL void tk_depthwise_input_gradient_f32(const float *gradient, const float *weight, float *output,
                                               const tk_window *w) {
    tk_depthwise_input_gradient_real(gradient, weight, output, w, 4, 4);
}

/* The same of halves, summed in float32; the output has `out_bytes` a value: halves or floats. */
TK_KERNEL void tk_depthwise_input_gradient_f16(const uint16_t *gradient, const uint16_t *weight, void *output,
                                               const tk_window *w, int32_t out_bytes) {
    tk_depthwise_input_gradient_real(gradient, weight, output, w, 2, out_bytes);
}

#endif
