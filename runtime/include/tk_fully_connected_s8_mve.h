/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_S8_MVE_H
#define TK_FULLY_CONNECTED_S8_MVE_H

#include "tk_dot_mve.h"

/* As tk_fully_connected_s8, with weights and constants in the tiles of tk_dot_mve.h. `scratch` holds `depth` bytes
 * rounded up to 16, or nothing when it is a multiple of 16. */
TK_KERNEL void tk_fully_connected_s8_mve(const int8_t *input, const tk_matrix_mve *matrix, int32_t twice,
                                         int8_t *scratch, int8_t *output, int32_t rows, int32_t depth) {
    for (int32_t row = 0; row < rows; ++row, input += depth, output += matrix->channels) {
        const int8_t *x = input;
        if (depth % 16 != 0) { /* whole loads must stay inside the arena; what they find meets zeros */
            tk_copy_mve(scratch, input, depth);
            x = scratch;
        }
        tk_pixel_mve(x, matrix, twice, output);
    }
}

#endif
