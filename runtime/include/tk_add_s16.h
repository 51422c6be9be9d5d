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

/* a + b, or a - b for a negative multiplier_b. Operands get 15 more bits; each product and each shift is rounded, as
 * TensorFlow Lite does. */
TK_INLINE int16_t tk_add_one_s16(int32_t a, int32_t b, const tk_sum_s16 *s) {
    const int32_t size_b = s->multiplier_b < 0 ? -s->multiplier_b : s->multiplier_b;
    const int32_t left = tk_shift_away(tk_multiply_high(a * 32768, s->multiplier_a), s->shift_a);
    const int32_t right = tk_shift_away(tk_multiply_high(b * 32768, size_b), s->shift_b);
    const int32_t total = s->multiplier_b < 0 ? left - right : left + right;
    return (int16_t)tk_clamp(tk_shift_away(tk_multiply_high(total, s->multiplier), s->shift), s->min, s->max);
}

/* output = a + b, as tk_add_one_s16. `output` may be an operand that does not repeat. */
TK_KERNEL void tk_add_s16(const int16_t *a, const int16_t *b, const tk_sum_s16 *sum, int16_t *output,
                          const tk_broadcast *s) {
    TK_BROADCAST(int16_t, tk_add_one_s16(p, q, sum));
}

#endif
