/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_COPY_S8_H
#define TK_COPY_S8_H

#include "tk_strided.h"

/* `size` values, `stride` apart. The compiler makes a run of neighbours a block copy. */
TK_INLINE void tk_copy_row_s8(const int8_t *TK_RESTRICT from, int8_t *TK_RESTRICT to, int32_t size,
                              int32_t stride) {
    if (stride == 1) {
        for (int32_t i = 0; i < size; ++i) to[i] = from[i];
    } else {
        TK_ROLLED
        for (int32_t i = 0; i < size; ++i) to[i] = from[i * stride];
    }
}

/* Write the values that `s` finds from `input` on, one after the other. */
TK_KERNEL void tk_copy_s8(const int8_t *TK_RESTRICT input, int8_t *TK_RESTRICT output, const tk_strided *s) {
    const int32_t *size = s->size, *stride = s->stride;
    for (int32_t i = 0; i < size[0]; ++i) {
        for (int32_t j = 0; j < size[1]; ++j) {
            for (int32_t k = 0; k < size[2]; ++k) {
                int32_t plane = i * stride[0] + j * stride[1] + k * stride[2];
                for (int32_t l = 0; l < size[3]; ++l, plane += stride[3]) {
                    int32_t row = plane;
                    for (int32_t m = 0; m < size[4]; ++m, row += stride[4], output += size[5]) {
                        tk_copy_row_s8(input + row, output, size[5], stride[5]);
                    }
                }
            }
        }
    }
}

#endif
