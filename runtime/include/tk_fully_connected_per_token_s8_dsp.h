/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_PER_TOKEN_S8_DSP_H
#define TK_FULLY_CONNECTED_PER_TOKEN_S8_DSP_H

#include "tk_fully_connected_s8_dsp.h"
#include "tk_token_scaling.h"

/* As tk_fully_connected_per_token_s8, with weights packed two rows in one; `part` as in tk_four_sums_s8_dsp. `input` is read
 * as tk_fully_connected_s8_dsp does. */
TK_KERNEL void tk_fully_connected_per_token_s8_dsp(const int8_t *input, const uint32_t *weight,
                                                   const float *token, const tk_token_scaling *scaling,
                                                   int32_t part, float *output, int32_t rows, int32_t depth,
                                                   int32_t channels) {
    static const int32_t start[4] = {0, 0, 0, 0};
    const int32_t groups = (depth + 3) / 4;
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        const uint32_t *w = weight;
        for (int32_t o = 0; o < channels; o += 4) {
            int32_t sums[4];
            w = tk_four_sums_s8_dsp(input, w, start, groups, part, sums);
            for (int32_t i = 0; i < 4 && o + i < channels; ++i) {
                *output++ = tk_scaled_sum(sums[i], token[row], o + i, scaling);
            }
        }
    }
}

#endif
