/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_GROUPED_CONV2D_F32_H
#define TK_GROUPED_CONV2D_F32_H

#include "tk_window.h"

/* 2-d convolution in `groups` of channels: weight (out_c, kernel_h, kernel_w, in_c / groups), output kept within
 * low..high. Pixels are made in order, so the output may lie below the input by what toolkit.ops.window computes. */
TK_KERNEL void tk_grouped_conv2d_f32(const float *input, const float *weight, const float *bias, float low,
                                     float high, float *output, const tk_window *window, int32_t groups) {
    const int32_t group_in = window->in_c / groups, group_out = window->out_c / groups;
    for (int32_t y = 0; y < window->out_h; ++y) {
        for (int32_t x = 0; x < window->out_w; ++x) {
            const float *w = weight;
            for (int32_t o = 0; o < window->out_c; ++o) {
                const float *group = input + o / group_out * group_in;
                float acc = bias[o];
                for (int32_t i = 0; i < window->kernel_h; ++i) {
                    const int32_t row = y * window->stride_h - window->pad_top + i * window->dilation_h;
                    for (int32_t j = 0; j < window->kernel_w; ++j, w += group_in) {
                        const int32_t col = x * window->stride_w - window->pad_left + j * window->dilation_w;
                        if (row < 0 || row >= window->in_h || col < 0 || col >= window->in_w) continue;
                        const float *pixel = group + (row * window->in_w + col) * window->in_c;
                        for (int32_t c = 0; c < group_in; ++c) acc += pixel[c] * w[c];
                    }
                }
                output[o] = acc < low ? low : acc > high ? high : acc;
            }
            output += window->out_c;
        }
    }
}

#endif
