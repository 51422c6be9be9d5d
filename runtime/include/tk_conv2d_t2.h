/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_T2_H
#define TK_CONV2D_T2_H

#include "tk_ternary.h"
#include "tk_window.h"

/* 2-d convolution: weight in -1..1, t2 of tk_ternary.h, (ceil(out_c / 4), depth) bytes, depth = kernel_h * kernel_w * in_c,
 * bias (out_c) with the input's zero point folded in. `scratch` holds depth bytes, or nothing when pointwise.
 * Pixels are made in order, so the output may lie below the input by what toolkit.ops.window computes. */
TK_KERNEL void tk_conv2d_t2(const int8_t *input, int32_t zero_point, const TK_ROM uint8_t *weight,
                            const TK_ROM int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                            int8_t *output, const tk_window *window) {
    const int32_t depth = window->kernel_h * window->kernel_w * window->in_c;
    for (int32_t y = 0; y < window->out_h; ++y) {
        for (int32_t x = 0; x < window->out_w; ++x) {
            const int8_t *column = tk_column_s8(input, y, x, zero_point, scratch, window);
            const TK_ROM uint8_t *group = weight;
            const int32_t sum = tk_sum_of_inputs_s8(column, depth);
            for (int32_t o = 0; o < window->out_c; o += TK_T2_ROWS) {
                int32_t sums[TK_T2_ROWS] = {-sum, -sum, -sum, -sum};
                tk_dot_t2(column, group, depth, sums);
                for (int32_t i = 0; i < tk_min(TK_T2_ROWS, window->out_c - o); ++i) {
                    output[o + i] = tk_requantize_s8(bias[o + i] + sums[i], o + i, requant);
                }
                group += depth;
            }
            output += window->out_c;
        }
    }
}

#endif
