/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONCAT_S16_H
#define TK_CONCAT_S16_H

#include "tk.h"

/* Copy one input of a concatenation: `rows` rows of `size` values to output rows that begin `stride` apart. */
TK_KERNEL void tk_concat_s16(const int16_t *TK_RESTRICT input, int16_t *TK_RESTRICT output, int32_t rows,
                             int32_t size, int32_t stride) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t i = 0; i < size; ++i) output[i] = input[i];
        input += size;
        output += stride;
    }
}

#endif
