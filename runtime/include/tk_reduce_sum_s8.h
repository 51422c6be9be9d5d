/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_REDUCE_SUM_S8_H
#define TK_REDUCE_SUM_S8_H

#include "tk_reduction.h"

/* Sums, requantized: a mean where the multiplier holds the division. `bias` is minus the zero point for each value. */
TK_KERNEL void tk_reduce_sum_s8(const int8_t *input, int32_t bias, const tk_requant_s8 *requant,
                                int8_t *output, const tk_reduction *s) {
    for (int32_t i = 0; i < s->kept[0]; ++i) {
        for (int32_t j = 0; j < s->kept[1]; ++j) {
            for (int32_t k = 0; k < s->kept[2]; ++k) {
                const int8_t *from = input + tk_first_of(s, i, j, k);
                int32_t sum = bias;
                for (int32_t m = 0; m < s->reduced[0]; ++m) {
                    for (int32_t n = 0; n < s->reduced[1]; ++n) {
                        sum += from[m * tk_outer_stride(s) + n * tk_inner_stride(s)];
                    }
                }
                *output++ = tk_requantize_s8(sum, 0, requant);
            }
        }
    }
}

#endif
