/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEQUANTIZE_CHANNELS_H
#define TK_DEQUANTIZE_CHANNELS_H

#include "tk.h"

/* As tk_dequantize_s8 with a scale for each of `channels`, whose values lie `inner` together, `outer` times over. */
#define TK_DEQUANTIZE_CHANNELS(suffix, type)                                                               \
    TK_KERNEL void tk_dequantize_channels_##suffix(const type *input, int32_t zero_point,                  \
                                                   const float *scale, float *output, int32_t outer,       \
                                                   int32_t channels, int32_t inner) {                      \
        for (int32_t i = 0; i < outer; ++i) {                                                              \
            for (int32_t c = 0; c < channels; ++c) {                                                       \
                for (int32_t k = 0; k < inner; ++k) *output++ = (float)(*input++ - zero_point) * scale[c]; \
            }                                                                                              \
        }                                                                                                  \
    }

TK_DEQUANTIZE_CHANNELS(s8, int8_t)
TK_DEQUANTIZE_CHANNELS(s32, int32_t)

#endif
