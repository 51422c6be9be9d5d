/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_INPUT_GRADIENT_F32_H
#define TK_CONV2D_INPUT_GRADIENT_F32_H

#include "tk_gradient_f32.h"

enum { TK_INPUT_GRADIENT_TILE = 8 }; /* channels whose sums lie in registers */

/* `count` channels of the input pixel (row, col), of one group: `gradient` and `weight` begin with the group's. */
TK_INLINE void tk_input_gradient_tile_real(const void *gradient, const void *weight, int32_t row, int32_t col,
                                           const tk_window *w, int32_t groups, void *output, int32_t at,
                                           int32_t bytes, int32_t out_bytes, int32_t count) {
    const int32_t group_in = w->in_c / groups, group_out = w->out_c / groups;
    const int32_t filter = w->kernel_h * w->kernel_w * group_in;
    float sum[TK_INPUT_GRADIENT_TILE];
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) sum[k] = 0.0f;
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        const int32_t y = tk_output_over(row, w->pad_top - i * w->dilation_h, w->stride_h, w->out_h);
        if (y < 0) continue;
        for (int32_t j = 0; j < w->kernel_w; ++j) {
            const int32_t x = tk_output_over(col, w->pad_left - j * w->dilation_w, w->stride_w, w->out_w);
            if (x < 0) continue;
            const int32_t from = (y * w->out_w + x) * w->out_c;
            int32_t tap = (i * w->kernel_w + j) * group_in;
            for (int32_t o = 0; o < group_out; ++o, tap += filter) {
                const float g = tk_real_at(gradient, from + o, bytes);
                float own[TK_INPUT_GRADIENT_TILE];
                tk_reals_at(weight, tap, bytes, own, count);
                TK_UNROLLED
                for (int32_t k = 0; k < count; ++k) sum[k] += g * own[k];
            }
        }
    }
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) tk_put_real(output, at + k, out_bytes, sum[k]);
}

TK_INLINE void tk_conv2d_input_gradient_real(const void *gradient, const void *weight, void *output,
                                             const tk_window *w, int32_t groups, int32_t bytes,
                                             int32_t out_bytes) {
    const int32_t group_in = w->in_c / groups, group_out = w->out_c / groups;
    const int32_t group_size = group_out * w->kernel_h * w->kernel_w * group_in;
    int32_t at = 0;
    for (int32_t row = 0; row < w->in_h; ++row) {
        for (int32_t col = 0; col < w->in_w; ++col) {
            for (int32_t g = 0; g < groups; ++g, at += group_in) {
                const void *from = tk_real_from(gradient, g * group_out, bytes);
                int32_t c = 0;
                for (; c + TK_INPUT_GRADIENT_TILE <= group_in; c += TK_INPUT_GRADIENT_TILE) {
                    tk_input_gradient_tile_real(from, tk_real_from(weight, g * group_size + c, bytes), row,
                                                col, w, groups, output, at + c, bytes, out_bytes,
                                                TK_INPUT_GRADIENT_TILE);
                }
                for (; c < group_in; ++c) {
                    tk_input_gradient_tile_real(from, tk_real_from(weight, g * group_size + c, bytes), row,
                                                col, w, groups, output, at + c, bytes, out_bytes, 1);
                }
            }
        }
    }
}

/* The gradient by the input of a 2-d convolution, from `gradient` by its output: weight (out_c, kernel_h, kernel_w,
 * in_c / groups). Sums are taken tap by tap, then output channel by output channel. */
TK_KERNEL void tk_conv2d_input_gradient_f32(const float *gradient, const float *weight, float *output,
                                            const tk_window *w, int32_t groups) {
    tk_conv2d_input_gradient_real(gradient, weight, output, w, groups, 4, 4);
}

/* The same of halves, summed in float32; the output has `out_bytes` a value: halves or floats. */
TK_KERNEL void tk_conv2d_input_gradient_f16(const uint16_t *gradient, const uint16_t *weight, void *output,
                                            const tk_window *w, int32_t groups, int32_t out_bytes) {
    tk_conv2d_input_gradient_real(gradient, weight, output, w, groups, 2, out_bytes);
}

#endif
