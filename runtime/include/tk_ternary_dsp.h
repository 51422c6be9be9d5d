/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_DSP_H
#define TK_TERNARY_DSP_H

#include "tk_dsp.h"

/* Two ternary rows in one multiply: a 16-bit lane 2^14 * b + (a + 1) times x sums 2^14 * B + (A + sum x). Over 32
 * columns |A + sum x| stays within 2^13, so the sum then splits exactly. A 32-bit word holds 16 weights, two rows by
 * eight columns; toolkit/ops/pack.py says how. */
#define TK_TERNARY_MASK 0xC003C003u

/* Split a sum of at most 32 columns and add its parts to the two rows. */
#define TK_TERNARY_SPLIT(sum, row_a, row_b)                            \
    do {                                                               \
        const int32_t tk_low = (int32_t)((uint32_t)(sum) << 18) >> 18; \
        (row_a) += tk_low;                                             \
        (row_b) += ((sum)-tk_low) >> 14;                               \
    } while (0)

/* Sum of `count` widened lanes (a multiple of 2), words `step` apart. */
TK_INLINE int32_t tk_sum_lanes_dsp(const uint32_t *x, int32_t count, int32_t step) {
    int32_t sum = 0;
    for (int32_t k = 0; k < count; k += 2, x += step) sum = tk_smlad(*x, 0x00010001u, sum);
    return sum;
}

#endif
