/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_QUANTIZE_CHANNELS_H
#define TK_QUANTIZE_CHANNELS_H

#include "tk_functions_f32.h"
#include "tk_quantize_s8.h"

/* As tk_quantize_s8 with a scale for each of `channels`, whose values lie `inner` together, `outer` times over. */
TK_KERNEL void tk_quantize_channels_s8(const float *input, const float *inverse_scale, int32_t zero_point,
                                       int32_t low, int32_t high, int8_t *output, int32_t outer,
                                       int32_t channels, int32_t inner) {
    for (int32_t i = 0; i < outer; ++i) {
        for (int32_t c = 0; c < channels; ++c, input += inner, output += inner) {
            tk_quantize_s8(input, inverse_scale[c], zero_point, low, high, output, inner);
        }
    }
}

/* The same to int32, for bounds that float32 holds exactly. */
TK_KERNEL void tk_quantize_channels_s32(const float *input, const float *inverse_scale, int32_t zero_point,
                                        int32_t low, int32_t high, int32_t *output, int32_t outer,
                                        int32_t channels, int32_t inner) {
    const float smallest = (float)(low - zero_point), largest = (float)(high - zero_point);
    for (int32_t i = 0; i < outer; ++i) {
        for (int32_t c = 0; c < channels; ++c) {
            for (int32_t k = 0; k < inner; ++k) {
                const float x = *input++ * inverse_scale[c];
                const float kept = x > smallest ? (x < largest ? x : largest) : smallest;
                *output++ = (int32_t)tk_round_of_f32(kept) + zero_point;
            }
        }
    }
}

#endif
