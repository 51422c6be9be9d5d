/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_INT4_H
#define TK_INT4_H

#include "tk.h"

/* Weights in -8 .. 7, two a byte: even columns in the lower half. */

/* Sum of weight * x over `depth` values; `weights` has ceil(depth / 2) bytes. */
TK_INLINE int32_t tk_dot_s4(const int8_t *x, const int8_t *weights, int32_t depth) {
    int32_t acc = 0;
    for (int32_t k = 0; k + 2 <= depth; k += 2) {
        const int32_t pair = *weights++;
        acc += (((pair & 15) ^ 8) - 8) * x[k];
        acc += (pair >> 4) * x[k + 1];
    }
    if (depth & 1) acc += (((*weights & 15) ^ 8) - 8) * x[depth - 1];
    return acc;
}

#endif
