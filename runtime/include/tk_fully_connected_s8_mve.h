/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_S8_MVE_H
#define TK_FULLY_CONNECTED_S8_MVE_H

#include "tk_row_mve.h"

/* As tk_fully_connected_s8, with weights and constants in tiles (tk_row_mve.h). `scratch` has room for `padded` bytes,
 * `depth` rounded up to what `pixel` reads; nothing where they are equal. */
TK_KERNEL void tk_fully_connected_s8_mve(const int8_t *input, const tk_matrix_mve *matrix,
                                         tk_pixel_function_mve *pixel, int8_t *scratch, int32_t padded,
                                         int8_t *output, int32_t rows, int32_t depth) {
    for (int32_t row = 0; row < rows; ++row, input += depth, output += matrix->channels) {
        const int8_t *x = input;
        if (padded != depth) { /* whole loads must stay inside the arena */
            tk_copy_mve(scratch, input, depth);
            tk_set_mve(scratch + depth, 0, padded - depth);
            x = scratch;
        }
        pixel(x, matrix, output);
    }
}

#endif
