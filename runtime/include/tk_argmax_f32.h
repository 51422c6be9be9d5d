/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ARGMAX_F32_H
#define TK_ARGMAX_F32_H

#include "tk.h"

/* output[row][i] = the first k with the largest input[row][k][i]; input (rows, depth, inner). */
TK_KERNEL void tk_argmax_f32(const float *input, int32_t *output, int32_t rows, int32_t depth,
                             int32_t inner) {
    for (int32_t row = 0; row < rows; ++row, input += depth * inner) {
        for (int32_t i = 0; i < inner; ++i) {
            int32_t best = 0;
            TK_ROLLED
            for (int32_t k = 1; k < depth; ++k) {
                if (input[k * inner + i] > input[best * inner + i]) best = k;
            }
            *output++ = best;
        }
    }
}

#endif
