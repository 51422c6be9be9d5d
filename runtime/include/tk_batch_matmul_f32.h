/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BATCH_MATMUL_F32_H
#define TK_BATCH_MATMUL_F32_H

#include "tk_matmul.h"

enum { TK_MATMUL_TILE = 4 }; /* columns that share the loads of a row */

/* `count` columns of one row. */
TK_INLINE void tk_matmul_tile_f32(const float *left, const float *right, float alpha, float *output,
                                  const tk_matmul *m, int32_t count) {
    float sum[TK_MATMUL_TILE];
    TK_UNROLLED
    for (int32_t c = 0; c < count; ++c) sum[c] = 0.0f;
    for (int32_t k = 0; k < m->depth; ++k) {
        const float value = left[k * m->a[3]];
        TK_UNROLLED
        for (int32_t c = 0; c < count; ++c) sum[c] += value * right[k * m->b[3] + c * m->b[2]];
    }
    TK_UNROLLED
    for (int32_t c = 0; c < count; ++c) output[c] = sum[c] * alpha;
}

/* output (batch 0, batch 1, rows, columns) = alpha * sum over k of a b. */
TK_KERNEL void tk_batch_matmul_f32(const float *TK_RESTRICT a, const float *TK_RESTRICT b, float alpha,
                                   float *TK_RESTRICT output, const tk_matmul *m) {
    for (int32_t i = 0; i < m->batch[0]; ++i) {
        for (int32_t j = 0; j < m->batch[1]; ++j) {
            for (int32_t row = 0; row < m->rows; ++row, output += m->columns) {
                const float *left = a + m->a_offset + i * m->a[0] + j * m->a[1] + row * m->a[2];
                const float *right = b + m->b_offset + i * m->b[0] + j * m->b[1];
                int32_t column = 0;
                for (; column + TK_MATMUL_TILE <= m->columns; column += TK_MATMUL_TILE) {
                    tk_matmul_tile_f32(left, right + column * m->b[2], alpha, output + column, m,
                                       TK_MATMUL_TILE);
                }
                for (; column < m->columns; ++column) {
                    tk_matmul_tile_f32(left, right + column * m->b[2], alpha, output + column, m, 1);
                }
            }
        }
    }
}

#endif
