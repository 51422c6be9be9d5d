/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_WIDE_H
#define TK_FULLY_CONNECTED_WIDE_H

#include "tk_requant_wide.h"

/* As tk_fully_connected_s8, with an output in int16: `start` holds what the input's zero point adds. */
TK_KERNEL void tk_fully_connected_wide(const int8_t *input, const int8_t *weight, const int32_t *start,
                                       const tk_requant_wide *requant, int16_t *output, int32_t rows,
                                       int32_t depth, int32_t channels) {
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        for (int32_t o = 0; o < channels; ++o) {
            int32_t acc = start[o];
            for (int32_t k = 0; k < depth; ++k) acc += input[k] * weight[o * depth + k];
            *output++ = tk_finish_wide(acc, o, requant);
        }
    }
}

#endif
