/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_PER_TOKEN_S4_H
#define TK_FULLY_CONNECTED_PER_TOKEN_S4_H

#include "tk_int4.h"
#include "tk_token_scaling.h"

/* As tk_fully_connected_per_token_s8, with weights in -8 .. 7 packed by tk_int4.h: (channels, ceil(depth / 2)) bytes. */
TK_KERNEL void tk_fully_connected_per_token_s4(const int8_t *TK_RESTRICT input,
                                               const int8_t *TK_RESTRICT weight, const float *token,
                                               const tk_token_scaling *scaling, float *TK_RESTRICT output,
                                               int32_t rows, int32_t depth, int32_t channels) {
    const int32_t stride = (depth + 1) / 2;
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        const int8_t *w = weight;
        for (int32_t o = 0; o < channels; ++o, w += stride) {
            *output++ = tk_scaled_sum(tk_dot_s4(input, w, depth), token[row], o, scaling);
        }
    }
}

#endif
