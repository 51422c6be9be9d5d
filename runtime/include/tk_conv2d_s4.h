/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_S4_H
#define TK_CONV2D_S4_H

#include "tk_int4.h"
#include "tk_window.h"

/* 2-d convolution: weight in -8 .. 7, (out_c, ceil(depth / 2)) bytes packed by tk_int4.h, depth = kernel_h * kernel_w * in_c,
 * bias (out_c) with the input's zero point folded in. `scratch` holds depth bytes, or nothing when pointwise.
 * Pixels are made in order, so the output may lie below the input by what toolkit.ops.window computes. */
TK_KERNEL void tk_conv2d_s4(const int8_t *input, int32_t zero_point, const int8_t *weight,
                            const int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                            int8_t *output, const tk_window *window) {
    const int32_t depth = window->kernel_h * window->kernel_w * window->in_c;
    for (int32_t y = 0; y < window->out_h; ++y) {
        for (int32_t x = 0; x < window->out_w; ++x) {
            const int8_t *column = tk_column_s8(input, y, x, zero_point, scratch, window);
            const int8_t *w = weight;
            for (int32_t o = 0; o < window->out_c; ++o) {
                output[o] = tk_requantize_s8(bias[o] + tk_dot_s4(column, w, depth), o, requant);
                w += (depth + 1) / 2;
            }
            output += window->out_c;
        }
    }
}

#endif
