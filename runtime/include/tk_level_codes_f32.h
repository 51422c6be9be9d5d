/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_LEVEL_CODES_F32_H
#define TK_LEVEL_CODES_F32_H

#include "tk.h"

/* How many of three edges each value is above, four codes of 2 bits to a byte, the first in the lowest bits. A byte's
 * values lie along an axis of `size`, `inner` apart, `outer` times over. `output` may be `input`. */
TK_KERNEL void tk_level_codes_f32(const float *input, float first, float second, float third, int8_t *output,
                                  int32_t outer, int32_t size, int32_t inner) {
    for (int32_t row = 0; row < outer; ++row) {
        for (int32_t k = 0; k < size; k += 4) {
            const int32_t count = size - k < 4 ? size - k : 4;
            for (int32_t i = 0; i < inner; ++i) {
                uint32_t codes = 0;
                for (int32_t n = 0; n < count; ++n) {
                    const float x = input[n * inner + i];
                    const uint32_t code =
                        (uint32_t)(x > first) + (uint32_t)(x > second) + (uint32_t)(x > third);
                    codes |= code << (2 * n);
                }
                *output++ = (int8_t)(uint8_t)codes;
            }
            input += count * inner;
        }
    }
}

#endif
