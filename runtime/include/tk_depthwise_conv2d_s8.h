/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_S8_H
#define TK_DEPTHWISE_CONV2D_S8_H

#include "tk_window.h"

/* All output channels of one pixel. The upper left tap's channels begin at `corner`, those of the tap below it `row`
 * bytes further, those of the tap beside it `col`. */
TK_INLINE void tk_depthwise_pixel_s8(const int8_t *corner, int32_t row, int32_t col, const int8_t *weight,
                                     const int32_t *bias, const tk_requant_s8 *requant, int8_t *output,
                                     const tk_window *w) {
    const int32_t multiplier = w->out_c / w->in_c;
    for (int32_t o = 0; o < w->out_c; ++o) {
        const int8_t *tap = corner + o / multiplier, *tap_weight = weight + o;
        int32_t acc = bias[o];
        for (int32_t i = 0; i < w->kernel_h; ++i, tap += row - w->kernel_w * col) {
            for (int32_t j = 0; j < w->kernel_w; ++j, tap += col, tap_weight += w->out_c) {
                acc += *tap * *tap_weight;
            }
        }
        output[o] = tk_requantize_s8(acc, o, requant);
    }
}

/* Depthwise 2-d convolution: output channel o sees input channel o / (out_c / in_c). weight (kernel_h, kernel_w,
 * out_c), bias (out_c) with the input's zero point folded in. `scratch` holds kernel_h * kernel_w * in_c bytes, or
 * nothing when no window reaches over the edge.
 * Pixels are made in order, so the output may lie below the input by what toolkit.ops.window computes. */
TK_KERNEL void tk_depthwise_conv2d_s8(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                      const int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                                      int8_t *output, const tk_window *window) {
    const int32_t extent_h = (window->kernel_h - 1) * window->dilation_h;
    const int32_t extent_w = (window->kernel_w - 1) * window->dilation_w;
    for (int32_t y = 0; y < window->out_h; ++y) {
        const int32_t top = y * window->stride_h - window->pad_top;
        for (int32_t x = 0; x < window->out_w; ++x, output += window->out_c) {
            const int32_t left = x * window->stride_w - window->pad_left;
            const int8_t *corner = scratch;
            int32_t row = window->kernel_w * window->in_c, col = window->in_c;
            if (top >= 0 && top + extent_h < window->in_h && left >= 0 && left + extent_w < window->in_w) {
                corner = input + (top * window->in_w + left) * window->in_c;
                row = window->dilation_h * window->in_w * window->in_c;
                col = window->dilation_w * window->in_c;
            } else {
                tk_im2col_s8(input, y, x, zero_point, scratch, window);
            }
            tk_depthwise_pixel_s8(corner, row, col, weight, bias, requant, output, window);
        }
    }
}

#endif
