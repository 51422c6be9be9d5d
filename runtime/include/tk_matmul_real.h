/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MATMUL_REAL_H
#define TK_MATMUL_REAL_H

#include "tk_gradient_f32.h"
#include "tk_matmul.h"

enum { TK_MATMUL_TILE = 4 }; /* columns that share the loads of a row */

/* `count` columns of one row: output number `at` and those behind it. */
TK_INLINE void tk_matmul_tile(const void *left, const void *right, float alpha, const void *weight,
                              const float *rate, void *output, int32_t at, const tk_matmul *m, int32_t bytes,
                              int32_t out_bytes, int32_t count) {
    float sum[TK_MATMUL_TILE], own[TK_MATMUL_TILE];
    TK_UNROLLED
    for (int32_t c = 0; c < count; ++c) sum[c] = 0.0f;
    for (int32_t k = 0; k < m->depth; ++k) {
        const float value = tk_real_at(left, k * m->a[3], bytes);
        if (m->b[2] == 1) {
            tk_reals_at(right, k * m->b[3], bytes, own, count);
        } else {
            TK_UNROLLED
            for (int32_t c = 0; c < count; ++c) own[c] = tk_real_at(right, k * m->b[3] + c * m->b[2], bytes);
        }
        TK_UNROLLED
        for (int32_t c = 0; c < count; ++c) sum[c] += value * own[c];
    }
    TK_UNROLLED
    for (int32_t c = 0; c < count; ++c)
        tk_put_stepped(output, weight, rate, at + c, out_bytes, sum[c] * alpha);
}

/* alpha * sum over k of a b, or with a `rate` weight - rate * that; see tk_batch_matmul_f32 and tk_matmul_step_f32. */
TK_INLINE void tk_matmul_real(const void *a, const void *b, float alpha, const void *weight,
                              const float *rate, void *output, const tk_matmul *m, int32_t bytes,
                              int32_t out_bytes) {
    int32_t at = 0;
    for (int32_t i = 0; i < m->batch[0]; ++i) {
        for (int32_t j = 0; j < m->batch[1]; ++j) {
            for (int32_t row = 0; row < m->rows; ++row, at += m->columns) {
                const void *left =
                    tk_real_from(a, m->a_offset + i * m->a[0] + j * m->a[1] + row * m->a[2], bytes);
                const void *right = tk_real_from(b, m->b_offset + i * m->b[0] + j * m->b[1], bytes);
                int32_t column = 0;
                for (; column + TK_MATMUL_TILE <= m->columns; column += TK_MATMUL_TILE) {
                    tk_matmul_tile(left, tk_real_from(right, column * m->b[2], bytes), alpha, weight, rate,
                                   output, at + column, m, bytes, out_bytes, TK_MATMUL_TILE);
                }
                for (; column < m->columns; ++column) {
                    tk_matmul_tile(left, tk_real_from(right, column * m->b[2], bytes), alpha, weight, rate,
                                   output, at + column, m, bytes, out_bytes, 1);
                }
            }
        }
    }
}

#endif
