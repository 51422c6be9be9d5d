/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ADD_F32_H
#define TK_ADD_F32_H

#include "tk_bounds_f32.h"

/* output[row][i] = clamp(a[row][i] + b[i], low, high), `size` values in each of `rows`.
 * `output` may be `a` or, with one row, `b`. */
TK_KERNEL void tk_add_f32(const float *a, const float *b, float low, float high, float *output, int32_t rows,
                          int32_t size) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t i = 0; i < size; ++i) {
            output[i] = tk_bounded_f32(a[i] + b[i], low, high);
        }
        a += size;
        output += size;
    }
}

#endif
