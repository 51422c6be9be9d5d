/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_AMIN_S8_H
#define TK_AMIN_S8_H

#include "tk_reduction.h"

/* The smallest values. */
TK_KERNEL void tk_amin_s8(const int8_t *input, int8_t *output, const tk_reduction *s) {
    for (int32_t i = 0; i < s->kept[0]; ++i) {
        for (int32_t j = 0; j < s->kept[1]; ++j) {
            for (int32_t k = 0; k < s->kept[2]; ++k) {
                const int8_t *from = input + tk_first_of(s, i, j, k);
                int8_t best = from[0];
                for (int32_t m = 0; m < s->reduced[0]; ++m) {
                    for (int32_t n = 0; n < s->reduced[1]; ++n) {
                        const int8_t value = from[m * tk_outer_stride(s) + n * tk_inner_stride(s)];
                        best = value < best ? value : best;
                    }
                }
                *output++ = best;
            }
        }
    }
}

#endif
