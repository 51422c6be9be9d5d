/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_QUANTIZE_S8_H
#define TK_QUANTIZE_S8_H

#include "tk_float_bits.h"

/* The nearest integer, ties to even, for |x| <= 2^22: in a sum with 1.5 * 2^23 the last bit counts 1. */
TK_INLINE int32_t tk_round_even(float x) {
    return (int32_t)(tk_bits_of_float(x + 12582912.0f) - 0x4B400000u);
}

/* output[i] = clamp(round(input[i] * inverse_scale) + zero_point, low, high). NaN becomes low.
 * `output` may be `input`. */
TK_KERNEL void tk_quantize_s8(const float *input, float inverse_scale, int32_t zero_point, int32_t low,
                              int32_t high, int8_t *output, int32_t size) {
    const float smallest = (float)(low - zero_point);
    const float largest = (float)(high - zero_point);
    for (int32_t i = 0; i < size; ++i) {
        const float x = input[i] * inverse_scale;
        const float kept = x > smallest ? (x < largest ? x : largest) : smallest;
        output[i] = (int8_t)(tk_round_even(kept) + zero_point);
    }
}

#endif
