/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_INPUT_GRADIENT_F32_H
#define TK_CONV2D_INPUT_GRADIENT_F32_H

#include "tk_gradient_f32.h"

enum { TK_INPUT_GRADIENT_TILE = 8 }; /* channels whose sums lie in registers */

/* `count` channels of the input pixel (row, col), of one group: `gradient` and `weight` begin with the group's. */
TK_INLINE void tk_input_gradient_tile_f32(const float *gradient, const float *weight, int32_t row,
                                          int32_t col, const tk_window *w, int32_t groups, float *output,
                                          int32_t count) {
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
            const float *from = gradient + (y * w->out_w + x) * w->out_c;
            const float *tap = weight + (i * w->kernel_w + j) * group_in;
            for (int32_t o = 0; o < group_out; ++o, tap += filter) {
                const float g = from[o];
                TK_UNROLLED
                for (int32_t k = 0; k < count; ++k) sum[k] += g * tap[k];
            }
        }
    }
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) output[k] = sum[k];
}

/* The gradient by the input of a 2-d convolution, from `gradient` by its output: weight (out_c, kernel_h, kernel_w,
 * in_c / groups). Sums are taken tap by tap, then output channel by output channel. */
TK_KERNEL void tk_conv2d_input_gradient_f32(const float *gradient, const float *weight, float *output,
                                            const tk_window *w, int32_t groups) {
    const int32_t group_in = w->in_c / groups, group_out = w->out_c / groups;
    const int32_t group_size = group_out * w->kernel_h * w->kernel_w * group_in;
    for (int32_t row = 0; row < w->in_h; ++row) {
        for (int32_t col = 0; col < w->in_w; ++col) {
            for (int32_t g = 0; g < groups; ++g, output += group_in) {
                const float *from = gradient + g * group_out, *own = weight + g * group_size;
                int32_t c = 0;
                for (; c + TK_INPUT_GRADIENT_TILE <= group_in; c += TK_INPUT_GRADIENT_TILE) {
                    tk_input_gradient_tile_f32(from, own + c, row, col, w, groups, output + c,
                                               TK_INPUT_GRADIENT_TILE);
                }
                for (; c < group_in; ++c) {
                    tk_input_gradient_tile_f32(from, own + c, row, col, w, groups, output + c, 1);
                }
            }
        }
    }
}

#endif
