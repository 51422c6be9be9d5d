/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_NORMALIZE_S8_H
#define TK_NORMALIZE_S8_H

#include "tk_inverse_sqrt.h"

typedef struct {
    int32_t zero_point_in;
    int32_t centred; /* 0: the mean stays in (RMS) */
    int32_t shift;   /* fraction bits of gamma and beta */
    int32_t zero_point_out;
    int64_t eps; /* times (row size / input scale)^2 */
} tk_normalization;

/* Rows of input (rows, channels, inner) to mean 0 and variance 1, times gamma plus beta of each channel of the row's
 * group (row % groups). With d the distance to the zero point and n the row's size, the value is
 * (n d - sum) / sqrt(n sum of squares - sum^2 + eps) with 15 fraction bits. `output` may be `input`. */
TK_KERNEL void tk_normalize_s8(const int8_t *input, const int16_t *gamma, const int32_t *beta,
                               const tk_normalization *form, int8_t *output, int32_t rows, int32_t channels,
                               int32_t inner, int32_t groups) {
    const int32_t size = channels * inner;
    for (int32_t row = 0; row < rows; ++row) {
        int32_t sum = 0, squares = 0;
        for (int32_t i = 0; i < size; ++i) {
            const int32_t d = input[i] - form->zero_point_in;
            sum += d;
            squares += d * d;
        }
        if (!form->centred) sum = 0;
        int64_t square = (int64_t)size * squares - (int64_t)sum * sum + form->eps;
        if (square < 1) square = 1;
        int32_t half_exponent;
        const int32_t mantissa = tk_inverse_sqrt(square, &half_exponent);
        const int32_t shift = 14 + half_exponent;
        const int32_t bits = 15 + form->shift;
        const int32_t first = row % groups * channels;
        for (int32_t c = first; c < first + channels; ++c) {
            const int64_t offset = ((int64_t)beta[c] * 32768) + ((int64_t)1 << (bits - 1));
            for (int32_t i = 0; i < inner; ++i) {
                const int32_t d = size * (*input++ - form->zero_point_in) - sum;
                const int32_t z = (int32_t)(((int64_t)d * mantissa + ((int64_t)1 << (shift - 1))) >> shift);
                const int64_t scaled = (((int64_t)z * gamma[c] + offset) >> bits) + form->zero_point_out;
                *output++ = (int8_t)(scaled > 127 ? 127 : scaled < -128 ? -128 : scaled);
            }
        }
    }
}

#endif
