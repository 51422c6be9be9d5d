/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_T2_H
#define TK_FULLY_CONNECTED_T2_H

#include "tk_ternary.h"

/* As tk_fully_connected_s8, with weights in -1..1: t2 of tk_ternary.h, (ceil(channels / 4), depth) bytes. */
TK_KERNEL void tk_fully_connected_t2(const int8_t *TK_RESTRICT input,
                                     const TK_ROM uint8_t *TK_RESTRICT weight,
                                     const TK_ROM int32_t *TK_RESTRICT bias, const tk_requant_s8 *requant,
                                     int8_t *TK_RESTRICT output, int32_t rows, int32_t depth,
                                     int32_t channels) {
    for (int32_t row = 0; row < rows; ++row) {
        const int32_t sum = tk_sum_of_inputs_s8(input, depth);
        const TK_ROM uint8_t *group = weight;
        for (int32_t o = 0; o < channels; o += TK_T2_ROWS) {
            int32_t sums[TK_T2_ROWS] = {-sum, -sum, -sum, -sum};
            tk_dot_t2(input, group, depth, sums);
            for (int32_t i = 0; i < tk_min(TK_T2_ROWS, channels - o); ++i) {
                *output++ = tk_requantize_s8(bias[o + i] + sums[i], o + i, requant);
            }
            group += depth;
        }
        input += depth;
    }
}

#endif
