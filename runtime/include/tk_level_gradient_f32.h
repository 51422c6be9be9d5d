/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_LEVEL_GRADIENT_F32_H
#define TK_LEVEL_GRADIENT_F32_H

#include "tk.h"

/* output = gradient * levels[code], of codes as tk_level_codes_f32 packs them. `output` may be `gradient`. */
TK_KERNEL void tk_level_gradient_f32(const float *gradient, const int8_t *codes, const float *levels,
                                     float *output, int32_t outer, int32_t size, int32_t inner) {
    for (int32_t row = 0; row < outer; ++row) {
        for (int32_t k = 0; k < size; k += 4) {
            const int32_t count = size - k < 4 ? size - k : 4;
            for (int32_t i = 0; i < inner; ++i) {
                uint32_t left = (uint8_t)*codes++;
                for (int32_t n = 0; n < count; ++n, left >>= 2) {
                    output[n * inner + i] = gradient[n * inner + i] * levels[left & 3];
                }
            }
            gradient += count * inner;
            output += count * inner;
        }
    }
}

#endif
