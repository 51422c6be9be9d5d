/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_PRELU_S8_H
#define TK_PRELU_S8_H

#include "tk.h"

/* output = input where that is not negative, else input * slope of its channel, the last axis.
 * `slope` has its zero point subtracted; with `channels` 1 there is one for all. `output` may be `input`. */
TK_KERNEL void tk_prelu_s8(const int8_t *input, int32_t zero_point, const int16_t *slope,
                           const tk_requant_s8 *positive, const tk_requant_s8 *negative, int8_t *output,
                           int32_t rows, int32_t channels) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t c = 0; c < channels; ++c) {
            const int32_t x = *input++ - zero_point;
            *output++ =
                x >= 0 ? tk_requantize_s8(x, 0, positive) : tk_requantize_s8(x * slope[c], 0, negative);
        }
    }
}

#endif
