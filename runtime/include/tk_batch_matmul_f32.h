/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BATCH_MATMUL_F32_H
#define TK_BATCH_MATMUL_F32_H

#include "tk_matmul.h"

/* output (batch 0, batch 1, rows, columns) = alpha * sum over k of a b. */
TK_KERNEL void tk_batch_matmul_f32(const float *TK_RESTRICT a, const float *TK_RESTRICT b, float alpha,
                                   float *TK_RESTRICT output, const tk_matmul *m) {
    for (int32_t i = 0; i < m->batch[0]; ++i) {
        for (int32_t j = 0; j < m->batch[1]; ++j) {
            for (int32_t row = 0; row < m->rows; ++row) {
                const float *left = a + m->a_offset + i * m->a[0] + j * m->a[1] + row * m->a[2];
                const float *right = b + m->b_offset + i * m->b[0] + j * m->b[1];
                for (int32_t column = 0; column < m->columns; ++column, right += m->b[2]) {
                    float sum = 0.0f;
                    for (int32_t k = 0; k < m->depth; ++k) sum += left[k * m->a[3]] * right[k * m->b[3]];
                    *output++ = sum * alpha;
                }
            }
        }
    }
}

#endif
