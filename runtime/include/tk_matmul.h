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

/* Make each output of a product: `sum` is that of `product`, an expression of one value p of a and one value q of b. */
#define TK_MATMUL(type, accumulator, product, result)                                           \
    for (int32_t i = 0; i < m->batch[0]; ++i) {                                                 \
        for (int32_t j = 0; j < m->batch[1]; ++j) {                                             \
            for (int32_t row = 0; row < m->rows; ++row) {                                       \
                const type *left = a + m->a_offset + i * m->a[0] + j * m->a[1] + row * m->a[2]; \
                const type *right = b + m->b_offset + i * m->b[0] + j * m->b[1];                \
                for (int32_t column = 0; column < m->columns; ++column, right += m->b[2]) {     \
                    accumulator sum = 0;                                                        \
                    for (int32_t k = 0; k < m->depth; ++k) {                                    \
                        const type p = left[k * m->a[3]], q = right[k * m->b[3]];               \
                        sum += product;                                                         \
                    }                                                                           \
                    *output++ = result;                                                         \
                }                                                                               \
            }                                                                                   \
        }                                                                                       \
    }

#endif
