/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_S4_H
#define TK_FULLY_CONNECTED_S4_H

#include "tk_int4.h"

/* As tk_fully_connected_s8, with weights in -8 .. 7 packed by tk_int4.h:
 * weight (channels, ceil(depth / 2)) bytes. */
TK_KERNEL void tk_fully_connected_s4(const int8_t *TK_RESTRICT input, const int8_t *TK_RESTRICT weight,
                                     const int32_t *TK_RESTRICT bias, const tk_requant_s8 *requant,
                                     int8_t *TK_RESTRICT output, int32_t rows, int32_t depth,
                                     int32_t channels) {
    const int32_t stride = (depth + 1) / 2;
    for (int32_t row = 0; row < rows; ++row) {
        const int8_t *w = weight;
        for (int32_t o = 0; o < channels; ++o) {
            *output++ = tk_requantize_s8(bias[o] + tk_dot_s4(input, w, depth), o, requant);
            w += stride;
        }
        input += depth;
    }
}

#endif
