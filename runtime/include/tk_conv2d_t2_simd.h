/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_T2_SIMD_H
#define TK_CONV2D_T2_SIMD_H

#include "tk_gather_simd.h"
#include "tk_ternary_simd.h"

/* As tk_conv2d_t2, four pixels at a time, with NEON, AVX2 or AVX-512; bias, multipliers and shifts as tk_ternary_matrix
 * has them. `scratch` holds 4 * depth bytes, or nothing when pointwise. Pixels are made in order, in fours. */
TK_KERNEL void tk_conv2d_t2_simd(const int8_t *input, int32_t zero_point, const uint8_t *weight,
                                 const int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                                 int8_t *output, const tk_window *window) {
    const int32_t depth = window->kernel_h * window->kernel_w * window->in_c;
    const tk_ternary_matrix matrix = {weight, TK_T2_ROWS, bias, requant, depth, window->out_c};
    const int32_t pixels = window->out_h * window->out_w, blocks = tk_ternary_blocks(&matrix);
    const int pointwise = tk_is_pointwise(window);
    int32_t y = 0, x = 0;
    for (int32_t p = 0; p < pixels; p += TK_TERNARY_COLUMNS) {
        const int8_t *column[TK_TERNARY_COLUMNS] = {input, input, input, input};
        const int32_t columns = tk_min(TK_TERNARY_COLUMNS, pixels - p);
        for (int32_t i = 0; i < columns; ++i) {
            if (pointwise) {
                column[i] = input + (p + i) * depth;
                continue;
            }
            tk_gather_simd(input, y, x, zero_point, scratch + i * depth, window);
            column[i] = scratch + i * depth;
            if (++x == window->out_w) x = 0, ++y;
        }
        for (int32_t block = 0; block < blocks; ++block)
            tk_ternary_block(&matrix, block, column, columns, output);
        output += columns * window->out_c;
    }
}

#endif
