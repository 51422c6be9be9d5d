/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_SPARSE_H
#define TK_SPARSE_H

#include "tk.h"

/* Ternary weights of which few are not zero: for every 255 columns of a row, how many weights are 1 and how many -1, a
 * byte each, then where they are, a byte each. */
#define TK_SPARSE_COLUMNS 255

/* Sum of a type's values at `count` places. */
#define TK_SUM_AT(name, type)                                                 \
    TK_INLINE int32_t name(const type *x, const uint8_t *at, int32_t count) { \
        int32_t sum = 0;                                                      \
        TK_ROLLED for (; count >= 4; count -= 4, at += 4) {                   \
            sum += x[at[0]] + x[at[1]] + x[at[2]] + x[at[3]];                 \
        }                                                                     \
        TK_ROLLED for (; count > 0; --count) sum += x[*at++];                 \
        return sum;                                                           \
    }
TK_SUM_AT(tk_sum_at_s8, int8_t)
TK_SUM_AT(tk_sum_at_s32, int32_t)
#undef TK_SUM_AT

#endif
