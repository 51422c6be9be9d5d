/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_SPARSE_T2_H
#define TK_FULLY_CONNECTED_SPARSE_T2_H

#include "tk_sparse.h"

/* As tk_fully_connected_t2, with weights as tk_sparse.h has them. */
TK_KERNEL void tk_fully_connected_sparse_t2(const int8_t *input, const uint8_t *weight, const int32_t *bias,
                                            const tk_requant_s8 *requant, int8_t *output, int32_t rows,
                                            int32_t depth, int32_t channels) {
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        const uint8_t *w = weight;
        TK_ROLLED for (int32_t o = 0; o < channels; ++o) {
            int32_t acc = bias[o];
            TK_ROLLED for (int32_t k = 0; k < depth; k += TK_SPARSE_COLUMNS) {
                const uint8_t *const at = w + 2, *const minus = at + w[0];
                acc += tk_sum_at_s8(input + k, at, w[0]) - tk_sum_at_s8(input + k, minus, w[1]);
                w = minus + w[1];
            }
            *output++ = tk_requantize_s8(acc, o, requant);
        }
    }
}

#endif
