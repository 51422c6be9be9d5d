/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TAKE_S8_H
#define TK_TAKE_S8_H

#include "tk.h"

/* output[row][i] = input[row][index[i]]: `count` of the `depth` runs of `inner` values in each of `rows` rows. */
TK_KERNEL void tk_take_s8(const int8_t *TK_RESTRICT input, const int32_t *index, int8_t *TK_RESTRICT output,
                          int32_t rows, int32_t depth, int32_t count, int32_t inner) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t i = 0; i < count; ++i) {
            const int8_t *from = input + (row * depth + index[i]) * inner;
            for (int32_t k = 0; k < inner; ++k) *output++ = from[k];
        }
    }
}

#endif
