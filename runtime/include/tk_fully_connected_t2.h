/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_T2_H
#define TK_FULLY_CONNECTED_T2_H

#include "tk_ternary.h"

/* As tk_fully_connected_s8, with weights in -1..1 packed by tk_ternary.h:
 * weight (channels, ceil(depth / 4)) bytes. */
TK_KERNEL void tk_fully_connected_t2(const int8_t *TK_RESTRICT input, const uint8_t *TK_RESTRICT weight,
                                     const int32_t *TK_RESTRICT bias, const tk_requant_s8 *requant,
                                     int8_t *TK_RESTRICT output, int32_t rows, int32_t depth,
                                     int32_t channels) {
    const int32_t stride = (depth + 3) / 4;
    for (int32_t row = 0; row < rows; ++row) {
        const int32_t sum = tk_sum_of_inputs_s8(input, depth);
        const uint8_t *w = weight;
        for (int32_t o = 0; o < channels; ++o) {
            *output++ = tk_requantize_s8(bias[o] - sum + tk_dot_t2(input, w, depth), o, requant);
            w += stride;
        }
        input += depth;
    }
}

#endif
