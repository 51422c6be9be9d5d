/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_S8_SIMD_H
#define TK_CONV2D_S8_SIMD_H

#include "tk_gather_simd.h"
#include "tk_matrix_s8_simd.h"

/* As tk_conv2d_s8, four pixels by eight output channels at a time, with the constants of tk_matrix_s8. `scratch` holds
 * 8 bytes per window value, their number rounded up to 8. */
TK_KERNEL void tk_conv2d_s8_simd(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                 const int32_t *bias, const tk_requant_s8 *requant, int16_t *scratch,
                                 int8_t *output, const tk_window *window) {
    const int32_t depth = window->kernel_h * window->kernel_w * window->in_c;
    const tk_matrix_s8 matrix = {weight, bias, requant, (depth + 7) & ~7, window->out_c};
    const int direct = tk_is_pointwise(window) && depth == matrix.depth;
    const int32_t pixels = window->out_h * window->out_w;
    int32_t y = 0, x = 0;
    for (int32_t p = 0; p < pixels; p += TK_MATRIX_COLUMNS) {
        const int8_t *column[TK_MATRIX_COLUMNS] = {input, input, input, input};
        const int32_t columns = tk_min(TK_MATRIX_COLUMNS, pixels - p);
        for (int32_t i = 0; i < columns; ++i) {
            if (direct) {
                column[i] = input + (p + i) * depth;
                continue;
            }
            int8_t *const gathered = tk_matrix_column(scratch, i, matrix.depth);
            tk_gather_simd(input, y, x, zero_point, gathered, window); /* behind it, weights are 0 */
            column[i] = gathered;
            if (++x == window->out_w) x = 0, ++y;
        }
        tk_matrix_s8_simd(&matrix, column, scratch, columns, output);
        output += columns * window->out_c;
    }
}

#endif
