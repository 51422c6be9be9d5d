/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_S8_H
#define TK_DEPTHWISE_CONV2D_S8_H

#include "tk_window.h"

/* All output channels of one pixel. The upper left tap's channels begin at `corner`, those of the tap below it `row`
 * bytes further, those of the tap beside it `col`. */
TK_INLINE void tk_depthwise_pixel_s8(const int8_t *corner, int32_t row, int32_t col,
                                     const TK_ROM int8_t *weight, const TK_ROM int32_t *bias,
                                     const tk_requant_s8 *requant, int8_t *output, const tk_window *w) {
    const int32_t multiplier = w->out_c / w->in_c;
    for (int32_t o = 0; o < w->out_c; ++o) {
        const int8_t *tap = corner + o / multiplier;
        const TK_ROM int8_t *tap_weight = weight + o;
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
TK_KERNEL void tk_depthwise_conv2d_s8(const int8_t *input, int32_t zero_point, const TK_ROM int8_t *weight,
                                      const TK_ROM int32_t *bias, const tk_requant_s8 *requant,
                                      int8_t *scratch, int8_t *output, const tk_window *window) {
    const tk_window shape = *window; /* no call can change it, so literals stay literals */
    const int32_t extent_h = (shape.kernel_h - 1) * shape.dilation_h;
    const int32_t extent_w = (shape.kernel_w - 1) * shape.dilation_w;
    for (int32_t y = 0; y < shape.out_h; ++y) {
        const int32_t top = y * shape.stride_h - shape.pad_top;
        for (int32_t x = 0; x < shape.out_w; ++x, output += shape.out_c) {
            const int32_t left = x * shape.stride_w - shape.pad_left;
            const int8_t *corner = scratch;
            int32_t row = shape.kernel_w * shape.in_c, col = shape.in_c;
            if (top >= 0 && top + extent_h < shape.in_h && left >= 0 && left + extent_w < shape.in_w) {
                corner = input + (top * shape.in_w + left) * shape.in_c;
                row = shape.dilation_h * shape.in_w * shape.in_c;
                col = shape.dilation_w * shape.in_c;
            } else {
                tk_im2col_s8(input, y, x, zero_point, scratch, window);
            }
            tk_depthwise_pixel_s8(corner, row, col, weight, bias, requant, output, &shape);
        }
    }
}

#endif
