/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_H
#define TK_TERNARY_H

#include "tk.h"

/* Ternary weights in 2 bits: code = weight + 1, four a byte, lowest bits first. So
 * sum(weight * x) = sum(code * x) - sum(x), and the last term serves every row. */

/* Sum of x over `depth` values. */
TK_INLINE int32_t tk_sum_of_inputs_s8(const int8_t *x, int32_t depth) {
    int32_t sum = 0;
    for (int32_t k = 0; k < depth; ++k) sum += x[k];
    return sum;
}

/* Sum of code * x over `depth` values; `codes` has ceil(depth / 4) bytes. */
TK_INLINE int32_t tk_dot_t2(const int8_t *x, const uint8_t *codes, int32_t depth) {
    int32_t acc = 0;
    int32_t k = 0;
    for (; k + 4 <= depth; k += 4) {
        const int32_t c = *codes++;
        acc += (c & 3) * x[k];
        acc += ((c >> 2) & 3) * x[k + 1];
        acc += ((c >> 4) & 3) * x[k + 2];
        acc += (c >> 6) * x[k + 3];
    }
    if (k < depth) {
        for (int32_t c = *codes; k < depth; ++k, c >>= 2) acc += (c & 3) * x[k];
    }
    return acc;
}

#endif
