/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_LOG_SOFTMAX_S8_H
#define TK_LOG_SOFTMAX_S8_H

#include "tk_softmax_s8.h"

/* log(x) in Q5.26 for x in Q12.19, x >= 1. x is 2^n r with r near 2^(-1/4) .. 2^(1/4), log r by a rational function.
 * Method and every rounding are TensorFlow Lite's log_x_for_x_greater_than_or_equal_to_1. */
TK_INLINE int32_t tk_log_q19(int32_t x) {
    const int32_t quarter = (int32_t)1 << 17; /* Q12.19 */
    const int32_t zeros = tk_leading_zeros(x);
    const int32_t ra =
        tk_shift_left_saturated(tk_multiply_high((int32_t)((uint32_t)x << (zeros - 1)), 1518500250), 1);
    const int32_t na = (12 - zeros) * ((int32_t)1 << 19) + quarter;
    const int32_t headroom = tk_leading_zeros(tk_multiply_high(x, 1518500250)) - 1;
    const int32_t rb = tk_shift_left_saturated(x, headroom);
    const int32_t nb = (12 - headroom) * ((int32_t)1 << 19) - quarter;
    const int32_t r = tk_min(ra, rb);
    const int32_t n = tk_max(na, nb);
    const int32_t root = 1805811301; /* 2^(-1/4) in Q0.31 */
    const int32_t p = (int32_t)(((int64_t)r + root + 1) >> 1);
    const int32_t q = (r - root) * 2;
    const int32_t square = tk_multiply_high(q, q);
    const int32_t numerator =
        tk_multiply_high(q, r) + tk_multiply_high(tk_multiply_high(q, square), 117049297);
    const int32_t inner = 1057819769 + q + tk_multiply_high(127690142, square);
    const int32_t denominator = tk_multiply_high(p, inner) + tk_multiply_high(638450708, q);
    const int32_t ratio = tk_multiply_high(tk_shift_away(numerator, 12), tk_reciprocal_q31(denominator));
    return (tk_multiply_high(n, 1488522236) + ratio) * 128;
}

/* Logarithm of the softmax over `depth` of input (rows, depth, inner), to scale 1/16 and zero point 127. The other
 * arguments are tk_softmax_s8's. `output` may be `input`. Equal to TensorFlow Lite's reference kernel. */
TK_KERNEL void tk_log_softmax_s8(const int8_t *input, int32_t multiplier, int32_t left_shift,
                                 int32_t smallest, int8_t *output, int32_t rows, int32_t depth,
                                 int32_t inner) {
    for (int32_t row = 0; row < rows; ++row, input += depth * inner, output += depth * inner) {
        for (int32_t i = 0; i < inner; ++i) {
            const int32_t largest = tk_largest_s8(input + i, depth, inner);
            int32_t sum = 0; /* Q12.19 */
            TK_ROLLED
            for (int32_t k = 0; k < depth; ++k) {
                const int32_t difference = input[k * inner + i] - largest;
                if (difference < smallest) continue;
                const int32_t scaled = (int32_t)((uint32_t)difference << left_shift);
                sum += tk_shift_away(tk_exp_q26(tk_multiply_high(scaled, multiplier)), 12);
            }
            const int32_t log_sum = tk_log_q19(sum);
            const int32_t least = log_sum - ((int32_t)1 << 30); /* what the output's scale can still hold */
            TK_ROLLED
            for (int32_t k = 0; k < depth; ++k) {
                const int32_t difference = input[k * inner + i] - largest;
                int32_t value = INT8_MIN;
                if (difference >= smallest) {
                    const int32_t scaled =
                        tk_multiply_high((int32_t)((uint32_t)difference << left_shift), multiplier);
                    if (scaled > least)
                        value = tk_clamp(tk_shift_away(scaled - log_sum, 22) + 127, -128, 127);
                }
                output[k * inner + i] = (int8_t)value;
            }
        }
    }
}

#endif
