/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_QUANTIZE_PER_TOKEN_H
#define TK_QUANTIZE_PER_TOKEN_H

#include "tk_quantize_s8.h"

/* output[row][k] = clamp(round(input[row][k] * (1 / scale[row])), low, high), ties to even. NaN becomes low.
 * `output` may be `input`. */
TK_KERNEL void tk_quantize_per_token(const float *input, const float *scale, int32_t low, int32_t high,
                                     int8_t *output, int32_t rows, int32_t depth) {
    for (int32_t row = 0; row < rows; ++row) {
        tk_quantize_s8(input, 1.0f / scale[row], 0, low, high, output, depth);
        input += depth;
        output += depth;
    }
}

#endif
