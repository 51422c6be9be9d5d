/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_REDUCE_SUM_S8_H
#define TK_REDUCE_SUM_S8_H

#include "tk_reduction.h"

/* Sums, requantized: a mean where the multiplier holds the division. `bias` is minus the zero point for each value. */
TK_KERNEL void tk_reduce_sum_s8(const int8_t *input, int32_t bias, const tk_requant_s8 *requant,
                                int8_t *output, const tk_reduction *s) {
    TK_REDUCE(int8_t, int32_t, bias, total + value, tk_requantize_s8(total, 0, requant));
}

#endif
