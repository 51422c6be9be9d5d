/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MATMUL_H
#define TK_MATMUL_H

#include "tk.h"

/* A product of matrices for each of batch[0] x batch[1]: sizes, and where the operands lie, in elements. Strides are
 * those of (batch 0, batch 1, rows, depth) for a and (batch 0, batch 1, columns, depth) for b. */
typedef struct {
    int32_t batch[2];
    int32_t rows, columns, depth;
    int32_t a_offset, a[4];
    int32_t b_offset, b[4];
} tk_matmul;

#endif
