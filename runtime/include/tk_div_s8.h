/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DIV_S8_H
#define TK_DIV_S8_H

#include "tk_broadcast.h"
#include "tk_fixed_point.h"

/* How two integers become a quotient: the reciprocal of |b - zero_b| for b = -128 .. 127 as inverse / 2^(31 + shift),
 * 0 where b is its zero point, and the quotients' scale relative to the output's as multiplier / 2^(31 + shift). */
typedef struct {
    const int32_t *inverse;
    const uint8_t *inverse_shift;
    int32_t zero_a, zero_b;
    int32_t multiplier, shift;
    int32_t zero_point, min, max;
} tk_quotient;

/* One quotient, every product and shift rounded as TensorFlow Lite's reference does. */
TK_INLINE int8_t tk_divide(int32_t a, int32_t b, const tk_quotient *q) {
    const int32_t inverse = q->inverse[b + 128];
    const int32_t x = b < q->zero_b ? q->zero_a - a : a - q->zero_a;
    int32_t result = x > 0 ? 255 : (x < 0 ? -255 : 0);
    if (inverse != 0 && x != 0) {
        int32_t headroom = 0; /* how far x can be shifted left */
        for (uint32_t bits = (uint32_t)(x < 0 ? ~x : x); bits < ((uint32_t)1 << 30); bits = bits << 1 | 1)
            ++headroom;
        const int32_t unscaled = tk_multiply_high((int32_t)((uint32_t)x << headroom), inverse);
        const int32_t shift = q->shift + q->inverse_shift[b + 128] + headroom;
        result = tk_shift_away(tk_multiply_high(unscaled, q->multiplier), tk_min(shift, 31));
    }
    return (int8_t)tk_clamp(result + q->zero_point, q->min, q->max);
}

/* output = a / b. A division by 0 gives the bound on a's side. `output` may be an operand that does not repeat. */
TK_KERNEL void tk_div_s8(const int8_t *a, const int8_t *b, const tk_quotient *quotient, int8_t *output,
                         const tk_broadcast *s) {
    TK_BROADCAST(int8_t, tk_divide(p, q, quotient));
}

#endif
