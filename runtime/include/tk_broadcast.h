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

#endif
