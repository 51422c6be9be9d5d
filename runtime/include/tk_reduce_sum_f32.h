/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_REDUCE_SUM_F32_H
#define TK_REDUCE_SUM_F32_H

#include "tk_reduction.h"

/* Sums over `divisor`. */
TK_KERNEL void tk_reduce_sum_f32(const float *input, float divisor, float *output, const tk_reduction *s) {
    for (int32_t i = 0; i < s->kept[0]; ++i) {
        for (int32_t j = 0; j < s->kept[1]; ++j) {
            for (int32_t k = 0; k < s->kept[2]; ++k) {
                const float *from = input + tk_first_of(s, i, j, k);
                float sum = 0.0f;
                for (int32_t m = 0; m < s->reduced[0]; ++m) {
                    for (int32_t n = 0; n < s->reduced[1]; ++n) {
                        sum += from[m * tk_outer_stride(s) + n * tk_inner_stride(s)];
                    }
                }
                *output++ = sum / divisor;
            }
        }
    }
}

#endif
