/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_PRELU_F32_H
#define TK_PRELU_F32_H

#include "tk.h"

/* output = input where that is positive, else input * slope of its channel, the last axis.
 * With `channels` 1 there is one slope for all. `output` may be `input`. */
TK_KERNEL void tk_prelu_f32(const float *input, const float *slope, float *output, int32_t rows,
                            int32_t channels) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t c = 0; c < channels; ++c) {
            const float x = *input++;
            *output++ = x > 0.0f ? x : x * slope[c];
        }
    }
}

#endif
