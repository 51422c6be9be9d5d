/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BATCH_MATMUL_S16_H
#define TK_BATCH_MATMUL_S16_H

#include "tk_matmul.h"
#include "tk_s16.h"

/* output (batch 0, batch 1, rows, columns) = sum over k of a b, requantized. */
TK_KERNEL void tk_batch_matmul_s16(const int16_t *TK_RESTRICT a, const int16_t *TK_RESTRICT b,
                                   const tk_requant_s16 *requant, int16_t *TK_RESTRICT output,
                                   const tk_matmul *m) {
    for (int32_t i = 0; i < m->batch[0]; ++i) {
        for (int32_t j = 0; j < m->batch[1]; ++j) {
            for (int32_t row = 0; row < m->rows; ++row) {
                const int16_t *left = a + m->a_offset + i * m->a[0] + j * m->a[1] + row * m->a[2];
                const int16_t *right = b + m->b_offset + i * m->b[0] + j * m->b[1];
                for (int32_t column = 0; column < m->columns; ++column, right += m->b[2]) {
                    int64_t acc = 0;
                    for (int32_t k = 0; k < m->depth; ++k)
                        acc += (int32_t)left[k * m->a[3]] * right[k * m->b[3]];
                    *output++ = tk_requantize_s16(acc, 0, requant);
                }
            }
        }
    }
}

#endif
