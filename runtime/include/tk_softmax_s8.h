/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_SOFTMAX_S8_H
#define TK_SOFTMAX_S8_H

#include "tk_fixed_point.h"

/* Qn.m below: n integer bits (sign aside) and m fraction bits in an int32_t. */

TK_INLINE int32_t tk_leading_zeros(int32_t x) {
    int32_t zeros = 0;
    for (uint32_t bits = (uint32_t)x; !(bits >> 31); bits <<= 1) ++zeros;
    return zeros;
}

/* x * 2^bits, kept within int32_t. */
TK_INLINE int32_t tk_shift_left_saturated(int32_t x, int32_t bits) {
    const int32_t limit = INT32_MAX >> bits;
    if (x > limit) return INT32_MAX;
    if (x < -limit - 1) return INT32_MIN;
    return x * (int32_t)(1 << bits);
}

/* exp(x) in Q0.31 for x in Q5.26, x <= 0: a polynomial around -1/8 for the part in -1/4 .. 0, then one factor
 * exp(-2^k) for each further bit of x. The method and every rounding are gemmlowp's exp_on_negative_values. */
TK_INLINE int32_t tk_exp_q26(int32_t x) {
    static const int32_t factor[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter = (int32_t)1 << 24;
    const int32_t part = (x & (quarter - 1)) - quarter;
    const int32_t t = part * 32 + ((int32_t)1 << 28); /* Q0.31 */
    const int32_t t2 = tk_multiply_high(t, t);
    const int32_t t3 = tk_multiply_high(t2, t);
    const int32_t t4 = tk_multiply_high(t2, t2);
    const int32_t third = tk_multiply_high(tk_shift_away(t4, 2) + t3, 715827883);
    const int32_t exp_of_eighth = 1895147668; /* exp(-1/8) */
    int32_t y = exp_of_eighth + tk_multiply_high(exp_of_eighth, t + tk_shift_away(third + t2, 1));
    const int32_t rest = part - x;
    if (x == 0) return INT32_MAX;
    TK_ROLLED
    for (int32_t k = 0; k < 7; ++k) {
        if ((rest >> (24 + k)) & 1) y = tk_multiply_high(y, factor[k]);
    }
    return y;
}

/* 1 / (1 + x) in Q0.31 for x in Q0.31, 0 <= x < 1: three Newton-Raphson steps, as gemmlowp's
 * one_over_one_plus_x_for_x_in_0_1. */
TK_INLINE int32_t tk_reciprocal_q31(int32_t x) {
    const int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) >> 1); /* (1 + x) / 2 */
    int32_t y = 1515870810 + tk_multiply_high(half, -1010580540);      /* 48/17 - 32/17 * half, Q2.29 */
    TK_ROLLED
    for (int32_t i = 0; i < 3; ++i) {
        const int32_t error = ((int32_t)1 << 29) - tk_multiply_high(half, y);
        y += tk_shift_left_saturated(tk_multiply_high(y, error), 2);
    }
    return tk_shift_left_saturated(y, 1);
}

/* The largest of `depth` values that lie `inner` apart. */
TK_INLINE int32_t tk_largest_s8(const int8_t *input, int32_t depth, int32_t inner) {
    int32_t largest = INT8_MIN;
    TK_ROLLED
    for (int32_t k = 0; k < depth; ++k) largest = tk_max(largest, input[k * inner]);
    return largest;
}

/* Softmax over `depth` of input (rows, depth, inner), to scale 1/256 and zero point -128. A difference d to the
 * largest value stands for d * 2^left_shift * multiplier / 2^57; below `smallest` it counts as no chance at all.
 * `scratch` holds depth words; `output` may be `input`. Equal to TensorFlow Lite's reference kernel. */
TK_KERNEL void tk_softmax_s8(const int8_t *input, int32_t multiplier, int32_t left_shift, int32_t smallest,
                             int32_t *scratch, int8_t *output, int32_t rows, int32_t depth, int32_t inner) {
    for (int32_t row = 0; row < rows; ++row, input += depth * inner, output += depth * inner) {
        for (int32_t i = 0; i < inner; ++i) {
            const int32_t largest = tk_largest_s8(input + i, depth, inner);
            int32_t sum = 0; /* Q12.19 */
            TK_ROLLED
            for (int32_t k = 0; k < depth; ++k) {
                const int32_t difference = input[k * inner + i] - largest;
                scratch[k] = 0;
                if (difference < smallest) continue;
                const int32_t scaled = (int32_t)((uint32_t)difference << left_shift);
                scratch[k] = tk_exp_q26(tk_multiply_high(scaled, multiplier));
                sum += tk_shift_away(scratch[k], 12);
            }
            const int32_t headroom = tk_leading_zeros(sum);
            const uint32_t mantissa = (uint32_t)sum << headroom;
            const int32_t reciprocal = tk_reciprocal_q31((int32_t)(mantissa - ((uint32_t)1 << 31)));
            const int32_t shift = 35 - headroom;
            TK_ROLLED
            for (int32_t k = 0; k < depth; ++k) {
                /* A shift of 32 or more leaves nothing: 512 or more equal chances, each below half a step. */
                const int32_t chance =
                    shift > 31 ? 0 : tk_shift_away(tk_multiply_high(reciprocal, scratch[k]), shift);
                output[k * inner + i] = (int8_t)tk_min(chance - 128, INT8_MAX);
            }
        }
    }
}

#endif
