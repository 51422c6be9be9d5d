/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TOKEN_SCALE_H
#define TK_TOKEN_SCALE_H

#include "tk.h"

#define TK_SMALLEST_TOKEN 1e-5f /* a row of zeros must not divide by zero */

/* output[row] = max over k of |input[row][k]| / 127: the scale with which a row becomes int8. A row with NaN has NaN. */
TK_KERNEL void tk_token_scale(const float *TK_RESTRICT input, float *TK_RESTRICT output, int32_t rows,
                              int32_t depth) {
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        float largest = TK_SMALLEST_TOKEN;
        for (int32_t k = 0; k < depth; ++k) {
            const float magnitude = input[k] < 0.0f ? -input[k] : input[k];
            if (magnitude > largest || magnitude != magnitude) largest = magnitude;
        }
        output[row] = largest / 127.0f;
    }
}

#endif
