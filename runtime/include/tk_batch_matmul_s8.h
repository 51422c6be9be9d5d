/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BATCH_MATMUL_S8_H
#define TK_BATCH_MATMUL_S8_H

#include "tk_matmul.h"

/* output (batch 0, batch 1, rows, columns) = sum over k of (a - zero_a) (b - zero_b), requantized. */
TK_KERNEL void tk_batch_matmul_s8(const int8_t *TK_RESTRICT a, int32_t zero_a, const int8_t *TK_RESTRICT b,
                                  int32_t zero_b, const tk_requant_s8 *requant, int8_t *TK_RESTRICT output,
                                  const tk_matmul *m) {
    TK_MATMUL(int8_t, int32_t, (p - zero_a) * (q - zero_b), tk_requantize_s8(sum, 0, requant));
}

#endif
