/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEQUANTIZE_PER_TOKEN_H
#define TK_DEQUANTIZE_PER_TOKEN_H

#include "tk.h"

/* output[row][k] = input[row][k] * scale[row]. */
TK_KERNEL void tk_dequantize_per_token(const int8_t *TK_RESTRICT input, const float *TK_RESTRICT scale,
                                       float *TK_RESTRICT output, int32_t rows, int32_t depth) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t k = 0; k < depth; ++k) *output++ = (float)*input++ * scale[row];
    }
}

#endif
