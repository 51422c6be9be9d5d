/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BATCH_MATMUL_S16_H
#define TK_BATCH_MATMUL_S16_H

#include "tk_matmul.h"
#include "tk_s16.h"

/* output (batch 0, batch 1, rows, columns) = sum over k of a b, requantized. */
TK_KERNEL void tk_batch_matmul_s16(const int16_t *TK_RESTRICT a, const int16_t *TK_RESTRICT b,
                                   const tk_requant_s16 *requant, int16_t *TK_RESTRICT output,
                                   const tk_matmul *m) {
    TK_MATMUL(int16_t, int64_t, (int32_t)p * q, tk_requantize_s16(sum, 0, requant));
}

#endif
