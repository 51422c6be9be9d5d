/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_INVERSE_SQRT_H
#define TK_INVERSE_SQRT_H

#include "tk.h"

/* 1 / sqrt(x) = result / 2^(29 + *half_exponent) for 1 <= x < 2^62: four steps of Newton's method. */
TK_INLINE int32_t tk_inverse_sqrt(int64_t x, int32_t *half_exponent) {
    int32_t bits = 0;
    for (uint64_t rest = (uint64_t)x; rest; rest >>= 1) ++bits;
    const int32_t exponent = bits + (bits & 1); /* even: x = f 2^exponent with f in 1/4 .. 1 */
    const int64_t m = exponent >= 31 ? x >> (exponent - 31) : x * ((int64_t)1 << (31 - exponent));
    int64_t y = 1181116006 - ((m * 5) >> 4); /* 2.2 - 1.25 f */
    TK_ROLLED
    for (int32_t i = 0; i < 4; ++i) y = (y * (((int64_t)3 << 29) - ((m * ((y * y) >> 29)) >> 31))) >> 30;
    *half_exponent = exponent >> 1;
    return (int32_t)y;
}

#endif
