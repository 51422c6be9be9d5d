/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_S8_SIMD_H
#define TK_FULLY_CONNECTED_S8_SIMD_H

#include "tk_matrix_s8_simd.h"

/* As tk_fully_connected_s8, eight channels at a time, with the constants of tk_matrix_s8. `scratch` holds 8 bytes per
 * column, their number rounded up to 8. */
TK_KERNEL void tk_fully_connected_s8_simd(const int8_t *input, const int8_t *weight, const int32_t *bias,
                                          const tk_requant_s8 *requant, int16_t *scratch, int8_t *output,
                                          int32_t rows, int32_t depth, int32_t channels) {
    const tk_matrix_s8 matrix = {weight, bias, requant, (depth + 7) & ~7, channels};
    for (int32_t row = 0; row < rows; row += TK_MATRIX_COLUMNS) {
        const int8_t *column[TK_MATRIX_COLUMNS] = {input, input, input, input};
        const int32_t columns = tk_min(TK_MATRIX_COLUMNS, rows - row);
        for (int32_t i = 0; i < columns; ++i, input += depth) {
            column[i] = input;
            if (depth == matrix.depth) continue;
            int8_t *const copied = tk_matrix_column(scratch, i, matrix.depth);
            tk_copy_simd(copied, input, depth); /* behind it, weights are 0 */
            column[i] = copied;
        }
        tk_matrix_s8_simd(&matrix, column, scratch, columns, output);
        output += columns * channels;
    }
}

#endif
