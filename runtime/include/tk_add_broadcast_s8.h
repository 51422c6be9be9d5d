/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ADD_BROADCAST_S8_H
#define TK_ADD_BROADCAST_S8_H

#include "tk_add_s8.h"
#include "tk_broadcast.h"

/* output = a + sign * b, sign 1 or -1, however a and b repeat; otherwise as tk_add_s8.
 * `output` may be an operand that does not repeat. */
TK_KERNEL void tk_add_broadcast_s8(const int8_t *a, const int8_t *b, int32_t sign,
                                   const tk_add_scales *scales, int8_t *output, const tk_broadcast *s) {
    for (int32_t i = 0; i < s->size[0]; ++i) {
        for (int32_t j = 0; j < s->size[1]; ++j) {
            for (int32_t k = 0; k < s->size[2]; ++k) {
                const int8_t *x = a + tk_row_of(s->a, i, j, k);
                const int8_t *y = b + tk_row_of(s->b, i, j, k);
                for (int32_t l = 0; l < s->size[3]; ++l) {
                    const int32_t first = tk_widen_addend(x[l * s->a[3]], &scales->a);
                    const int32_t second = tk_widen_addend(y[l * s->b[3]], &scales->b);
                    const int32_t high = tk_multiply_high(first + sign * second, scales->sum.multiplier);
                    const int32_t scaled = tk_shift_away(high, scales->sum.shift) + scales->sum.zero_point;
                    *output++ = (int8_t)tk_clamp(scaled, scales->min, scales->max);
                }
            }
        }
    }
}

#endif
