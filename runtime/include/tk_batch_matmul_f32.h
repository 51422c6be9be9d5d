/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BATCH_MATMUL_F32_H
#define TK_BATCH_MATMUL_F32_H

#include "tk_matmul_real.h"

/* output (batch 0, batch 1, rows, columns) = alpha * sum over k of a b. */
TK_KERNEL void tk_batch_matmul_f32(const float *TK_RESTRICT a, const float *TK_RESTRICT b, float alpha,
                                   float *TK_RESTRICT output, const tk_matmul *m) {
    tk_matmul_real(a, b, alpha, 0, 0, output, m, 4, 4);
}

/* The same of halves, summed in float32; the output has `out_bytes` a value: halves or floats. */
TK_KERNEL void tk_batch_matmul_f16(const uint16_t *TK_RESTRICT a, const uint16_t *TK_RESTRICT b, float alpha,
                                   void *TK_RESTRICT output, const tk_matmul *m, int32_t out_bytes) {
    tk_matmul_real(a, b, alpha, 0, 0, output, m, 2, out_bytes);
}

#endif
