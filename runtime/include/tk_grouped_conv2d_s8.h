/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_GROUPED_CONV2D_S8_H
#define TK_GROUPED_CONV2D_S8_H

#include "tk_window.h"

/* The body of a grouped convolution's kernel, pixel by pixel: `finish` makes an output of a sum. */
#define TK_GROUPED_CONV2D(start, finish)                                                    \
    const int32_t taps = window->kernel_h * window->kernel_w;                               \
    const int32_t group_in = window->in_c / groups, group_out = window->out_c / groups;     \
    for (int32_t y = 0; y < window->out_h; ++y) {                                           \
        for (int32_t x = 0; x < window->out_w; ++x) {                                       \
            tk_im2col_s8(input, y, x, zero_point, scratch, window);                         \
            const int8_t *w = weight;                                                       \
            for (int32_t o = 0; o < window->out_c; ++o) {                                   \
                const int8_t *column = scratch + o / group_out * group_in;                  \
                int32_t acc = (start)[o];                                                   \
                for (int32_t t = 0; t < taps; ++t, column += window->in_c, w += group_in) { \
                    for (int32_t k = 0; k < group_in; ++k) acc += column[k] * w[k];         \
                }                                                                           \
                output[o] = finish(acc, o, requant);                                        \
            }                                                                               \
            output += window->out_c;                                                        \
        }                                                                                   \
    }

/* 2-d convolution in `groups` of channels: weight (out_c, kernel_h, kernel_w, in_c / groups), bias (out_c) with the
 * input's zero point folded in. `scratch` holds kernel_h * kernel_w * in_c bytes. Pixels are made in order, so the
 * output may lie below the input by what toolkit.ops.window computes. */
TK_KERNEL void tk_grouped_conv2d_s8(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                    const int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                                    int8_t *output, const tk_window *window, int32_t groups) {
    TK_GROUPED_CONV2D(bias, tk_requantize_s8)
}

#endif
