/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ADD_S16_H
#define TK_ADD_S16_H

#include "tk_broadcast.h"
#include "tk_fixed_point.h"

/* real = integer * multiplier / 2^(31 + shift), up to a common factor, of a, b and the sum. */
typedef struct {
    int32_t multiplier_a, shift_a, multiplier_b, shift_b, multiplier, shift;
    int32_t min, max;
} tk_sum_s16;

/* output = a + b, or a - b for a negative multiplier_b. Operands get 15 more bits; each product and each shift is
 * rounded, as TensorFlow Lite does. `output` may be an operand that does not repeat. */
TK_KERNEL void tk_add_s16(const int16_t *a, const int16_t *b, const tk_sum_s16 *sum, int16_t *output,
                          const tk_broadcast *s) {
    const int32_t size_b = sum->multiplier_b < 0 ? -sum->multiplier_b : sum->multiplier_b;
    for (int32_t i = 0; i < s->size[0]; ++i) {
        for (int32_t j = 0; j < s->size[1]; ++j) {
            for (int32_t k = 0; k < s->size[2]; ++k) {
                const int16_t *x = a + tk_row_of(s->a, i, j, k);
                const int16_t *y = b + tk_row_of(s->b, i, j, k);
                for (int32_t l = 0; l < s->size[3]; ++l) {
                    const int32_t wide_a = x[l * s->a[3]] * 32768, wide_b = y[l * s->b[3]] * 32768;
                    const int32_t left =
                        tk_shift_away(tk_multiply_high(wide_a, sum->multiplier_a), sum->shift_a);
                    const int32_t right = tk_shift_away(tk_multiply_high(wide_b, size_b), sum->shift_b);
                    const int32_t total = sum->multiplier_b < 0 ? left - right : left + right;
                    const int32_t scaled =
                        tk_shift_away(tk_multiply_high(total, sum->multiplier), sum->shift);
                    *output++ = (int16_t)tk_clamp(scaled, sum->min, sum->max);
                }
            }
        }
    }
}

#endif
