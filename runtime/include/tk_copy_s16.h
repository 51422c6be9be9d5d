/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_COPY_S16_H
#define TK_COPY_S16_H

#include "tk_strided.h"

/* Write the values that `s` finds from `input` on, one after the other. */
TK_KERNEL void tk_copy_s16(const int16_t *TK_RESTRICT input, int16_t *TK_RESTRICT output,
                           const tk_strided *s) {
    for (int32_t i = 0; i < s->size[0]; ++i) {
        for (int32_t j = 0; j < s->size[1]; ++j) {
            for (int32_t k = 0; k < s->size[2]; ++k) {
                for (int32_t l = 0; l < s->size[3]; ++l) {
                    const int32_t plane = i * s->stride[0] + j * s->stride[1] + k * s->stride[2];
                    for (int32_t m = 0; m < s->size[4]; ++m) {
                        const int16_t *row = input + plane + l * s->stride[3] + m * s->stride[4];
                        TK_ROLLED
                        for (int32_t n = 0; n < s->size[5]; ++n) *output++ = row[n * s->stride[5]];
                    }
                }
            }
        }
    }
}

#endif
