/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BROADCAST_H
#define TK_BROADCAST_H

#include "tk.h"

/* How an output of four axes reads two operands: the axes' sizes, and how far apart neighbours lie in `a` and in `b`.
 * A stride of 0 repeats an operand along an axis. */
typedef struct {
    int32_t size[4], a[4], b[4];
} tk_broadcast;

/* Where row (i, j, k) of an operand begins. */
TK_INLINE int32_t tk_row_of(const int32_t *stride, int32_t i, int32_t j, int32_t k) {
    return i * stride[0] + j * stride[1] + k * stride[2];
}

/* Write `result`, an expression of one value `p` of a and one value `q` of b, for every output. */
#define TK_BROADCAST(type, result)                                     \
    for (int32_t i = 0; i < s->size[0]; ++i) {                         \
        for (int32_t j = 0; j < s->size[1]; ++j) {                     \
            for (int32_t k = 0; k < s->size[2]; ++k) {                 \
                const type *x = a + tk_row_of(s->a, i, j, k);          \
                const type *y = b + tk_row_of(s->b, i, j, k);          \
                for (int32_t l = 0; l < s->size[3]; ++l) {             \
                    const type p = x[l * s->a[3]], q = y[l * s->b[3]]; \
                    *output++ = result;                                \
                }                                                      \
            }                                                          \
        }                                                              \
    }

#endif
