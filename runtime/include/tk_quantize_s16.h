/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_QUANTIZE_S16_H
#define TK_QUANTIZE_S16_H

#include "tk_quantize_s8.h"

/* output[i] = clamp(round(input[i] * inverse_scale)). NaN becomes the lowest. `output` may be `input`. */
TK_KERNEL void tk_quantize_s16(const float *input, float inverse_scale, int16_t *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) {
        const float x = input[i] * inverse_scale;
        output[i] = (int16_t)tk_round_even(x > -32768.0f ? (x < 32767.0f ? x : 32767.0f) : -32768.0f);
    }
}

#endif
