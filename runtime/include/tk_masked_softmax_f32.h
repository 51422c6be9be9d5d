/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MASKED_SOFTMAX_F32_H
#define TK_MASKED_SOFTMAX_F32_H

#include "tk_softmax_f32.h"

/* As tk_softmax_f32 over part of each row of input (rows, depth): `kept` holds start and count for `period` rows, which
 * repeat, or for those that `index` (`count` of them, which repeat) chooses; one beyond takes the nearest. What lies
 * outside becomes 0. `output` may be `input`. */
TK_KERNEL void tk_masked_softmax_f32(const float *input, const uint16_t *kept, float *output, int32_t rows,
                                     int32_t depth, int32_t period, const int32_t *index, int32_t count) {
    for (int32_t row = 0; row < rows; ++row, input += depth, output += depth) {
        const int32_t own = index ? tk_clamp(index[row % count], 0, period - 1) : row % period;
        const int32_t start = kept[2 * own], end = start + kept[2 * own + 1];
        tk_softmax_f32(input + start, output + start, 1, end - start, 1);
        for (int32_t k = 0; k < start; ++k) output[k] = 0.0f;
        for (int32_t k = end; k < depth; ++k) output[k] = 0.0f;
    }
}

#endif
