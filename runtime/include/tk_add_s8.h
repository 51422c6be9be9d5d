/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ADD_S8_H
#define TK_ADD_S8_H

#include "tk_fixed_point.h"

/* One tensor's part in a sum: real = (integer - zero_point) * multiplier / 2^(31 + shift), up to a common factor. */
typedef struct {
    int32_t zero_point;
    int32_t multiplier;
    int32_t shift;
} tk_addend_s8;

typedef struct {
    tk_addend_s8 a, b, sum;
    int32_t min, max;
} tk_add_scales;

/* An addend with 20 more bits, at the scale both addends share. */
TK_INLINE int32_t tk_widen_addend(int32_t x, const tk_addend_s8 *s) {
    return tk_shift_away(tk_multiply_high((x - s->zero_point) * 1048576, s->multiplier), s->shift);
}

/* a + sign * b, sign 1 or -1. As TensorFlow Lite's reference, which rounds each product and each shift. */
TK_INLINE int8_t tk_sum_s8(int32_t a, int32_t b, int32_t sign, const tk_add_scales *s) {
    const int32_t total = tk_widen_addend(a, &s->a) + sign * tk_widen_addend(b, &s->b);
    const int32_t scaled = tk_shift_away(tk_multiply_high(total, s->sum.multiplier), s->sum.shift);
    return (int8_t)tk_clamp(scaled + s->sum.zero_point, s->min, s->max);
}

/* output[row][i] = a[row][i] + b[i], `size` values in each of `rows`. `output` may be `a` or, with one row, `b`. */
TK_KERNEL void tk_add_s8(const int8_t *a, const int8_t *b, const tk_add_scales *scales, int8_t *output,
                         int32_t rows, int32_t size) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t i = 0; i < size; ++i) output[i] = tk_sum_s8(a[i], b[i], 1, scales);
        a += size;
        output += size;
    }
}

#endif
