/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TOKEN_SCALE_H
#define TK_TOKEN_SCALE_H

#include "tk_float_bits.h"

#define TK_SMALLEST_TOKEN 1e-5f /* a row of zeros must not divide by zero */

/* output[row] = max over k of |input[row][k]| / 127: the scale with which a row becomes int8. A row with NaN has NaN. */
TK_KERNEL void tk_token_scale(const float *TK_RESTRICT input, float *TK_RESTRICT output, int32_t rows,
                              int32_t depth) {
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        uint32_t largest =
            tk_bits_of_float(TK_SMALLEST_TOKEN); /* without signs bits are in order, NaN on top */
        for (int32_t k = 0; k < depth; ++k) {
            const uint32_t magnitude = tk_bits_of_float(input[k]) & 0x7FFFFFFFu;
            if (magnitude > largest) largest = magnitude;
        }
        output[row] = tk_float_of_bits(largest) / 127.0f;
    }
}

#endif
