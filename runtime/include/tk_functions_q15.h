/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FUNCTIONS_Q15_H
#define TK_FUNCTIONS_Q15_H

#include "tk.h"

/* The logistic function and the hyperbolic tangent in 16-bit fixed point; every rounding is that of gemmlowp's `logistic`
 * and `tanh` of FixedPoint<int16_t>. */

/* a * b / 2^15, rounded half up. */
TK_INLINE int32_t tk_multiply_q15(int32_t a, int32_t b) { return (a * b + (1 << 14)) >> 15; }

/* exp(x) for x <= 0 with 1 to 7 integer bits: a series around -1/8, times factors for the bits above 1/4. */
TK_INLINE int32_t tk_exp_q15(int32_t x, int32_t integer_bits) {
    static const int16_t factor[7] = {25520, 19875, 12055, 4435, 600, 11, 0}; /* exp(-2^k), k = -2 .. 4 */
    const int32_t fraction = 13 - integer_bits, quarter = 1 << fraction, eighth = 28918 /* exp(-1/8) */;
    if (x == 0) return INT16_MAX;
    if (integer_bits > 5 && x < -(1 << (20 - integer_bits))) return 0; /* below -32 */
    const int32_t part = (x & (quarter - 1)) - quarter;
    const int32_t t = part * (1 << integer_bits) + (1 << 12);
    const int32_t t2 = tk_multiply_q15(t, t), t3 = tk_multiply_q15(t2, t), t4 = tk_multiply_q15(t2, t2);
    const int32_t third = tk_multiply_q15(((t4 + 2) >> 2) + t3, 10923) + t2;
    int32_t y = tk_min(eighth + tk_multiply_q15(t + ((third + (third >= 0)) >> 1), eighth), INT16_MAX);
    TK_ROLLED
    for (int32_t k = 0; k < tk_min(integer_bits + 2, 7); ++k) {
        if (((part - x) >> (fraction + k)) & 1) y = tk_multiply_q15(y, factor[k]);
    }
    return y;
}

/* 1 / (1 + x) in Q1.14 for 0 <= x < 1 in Q0.15: Newton-Raphson, three steps. */
TK_INLINE int32_t tk_reciprocal_q15(int32_t x) {
    const int32_t half = (x + (1 << 15)) >> 1;
    int32_t y = 23130 + tk_multiply_q15(half, -15420); /* 48/17 and 32/17 in Q2.13 */
    TK_ROLLED
    for (int32_t i = 0; i < 3; ++i) y += 4 * tk_multiply_q15(y, (1 << 13) - tk_multiply_q15(half, y));
    return y;
}

/* 1 / (1 + exp(-x)) in Q0.15 for x in Q3.12. */
TK_INLINE int32_t tk_logistic_q15(int32_t x) {
    if (x == 0) return 1 << 14;
    const int32_t above = tk_min(2 * tk_reciprocal_q15(tk_exp_q15(x > 0 ? -x : x, 3)), INT16_MAX);
    return x > 0 ? above : INT16_MAX - above;
}

/* tanh(x) in Q0.15 for x with 0 to 6 integer bits. */
TK_INLINE int32_t tk_tanh_q15(int32_t x, int32_t integer_bits) {
    if (x == 0) return 0;
    const int32_t e = tk_exp_q15(x > 0 ? -x : x, integer_bits + 1);
    const int32_t above = tk_min(4 * (tk_reciprocal_q15(e) - (1 << 13)), INT16_MAX);
    return x > 0 ? above : -above;
}

#endif
