/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BATCH_MATMUL_F32_H
#define TK_BATCH_MATMUL_F32_H

#include "tk_matmul.h"

/* output (batch 0, batch 1, rows, columns) = alpha * sum over k of a b. */
TK_KERNEL void tk_batch_matmul_f32(const float *TK_RESTRICT a, const float *TK_RESTRICT b, float alpha,
                                   float *TK_RESTRICT output, const tk_matmul *m) {
    TK_MATMUL(float, float, p *q, sum *alpha);
}

#endif
