/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ADD_F32_H
#define TK_ADD_F32_H

#include "tk.h"

/* output[row][i] = clamp(a[row][i] + b[i], low, high), `size` values in each of `rows`.
 * `output` may be `a` or, with one row, `b`. */
TK_KERNEL void tk_add_f32(const float *a, const float *b, float low, float high, float *output, int32_t rows,
                          int32_t size) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t i = 0; i < size; ++i) {
            const float sum = a[i] + b[i];
            output[i] = sum < low ? low : sum > high ? high : sum;
        }
        a += size;
        output += size;
    }
}

#endif
