/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BATCH_MATMUL_S8_H
#define TK_BATCH_MATMUL_S8_H

#include "tk_matmul.h"

/* output (batch 0, batch 1, rows, columns) = sum over k of (a - zero_a) (b - zero_b), requantized. */
TK_KERNEL void tk_batch_matmul_s8(const int8_t *TK_RESTRICT a, int32_t zero_a, const int8_t *TK_RESTRICT b,
                                  int32_t zero_b, const tk_requant_s8 *requant, int8_t *TK_RESTRICT output,
                                  const tk_matmul *m) {
    for (int32_t i = 0; i < m->batch[0]; ++i) {
        for (int32_t j = 0; j < m->batch[1]; ++j) {
            for (int32_t row = 0; row < m->rows; ++row) {
                const int8_t *left = a + m->a_offset + i * m->a[0] + j * m->a[1] + row * m->a[2];
                const int8_t *right = b + m->b_offset + i * m->b[0] + j * m->b[1];
                for (int32_t column = 0; column < m->columns; ++column, right += m->b[2]) {
                    int32_t acc = 0;
                    for (int32_t k = 0; k < m->depth; ++k) {
                        acc += (left[k * m->a[3]] - zero_a) * (right[k * m->b[3]] - zero_b);
                    }
                    *output++ = tk_requantize_s8(acc, 0, requant);
                }
            }
        }
    }
}

#endif
