/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ARGMAX_H
#define TK_ARGMAX_H

#include "tk.h"

/* output[row][i] = the first k with the largest input[row][k][i]; input (rows, depth, inner). */
#define TK_ARGMAX                                                             \
    for (int32_t row = 0; row < rows; ++row, input += depth * inner) {        \
        for (int32_t i = 0; i < inner; ++i) {                                 \
            int32_t best = 0;                                                 \
            TK_ROLLED                                                         \
            for (int32_t k = 1; k < depth; ++k) {                             \
                if (input[k * inner + i] > input[best * inner + i]) best = k; \
            }                                                                 \
            *output++ = best;                                                 \
        }                                                                     \
    }

TK_KERNEL void tk_argmax_s8(const int8_t *input, int32_t *output, int32_t rows, int32_t depth,
                            int32_t inner) {
    TK_ARGMAX;
}

TK_KERNEL void tk_argmax_f32(const float *input, int32_t *output, int32_t rows, int32_t depth,
                             int32_t inner) {
    TK_ARGMAX;
}

#endif
