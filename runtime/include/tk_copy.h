/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_COPY_H
#define TK_COPY_H

#include "tk_values.h"

/* How an output of six axes reads an input: the axes' sizes, and how far apart in the input neighbours along each lie:
 * 0 repeats, less than 0 goes backwards. */
typedef struct {
    int32_t size[6], stride[6];
} tk_strided;

/* Write the values, of `bytes` bytes, that `s` finds from `input` on, one after the other. */
TK_KERNEL void tk_copy(const void *TK_RESTRICT input, void *TK_RESTRICT output, int32_t bytes,
                       const tk_strided *s) {
    const int32_t *size = s->size, *stride = s->stride;
    int8_t *to = (int8_t *)output;
    for (int32_t i = 0; i < size[0]; ++i) {
        for (int32_t j = 0; j < size[1]; ++j) {
            for (int32_t k = 0; k < size[2]; ++k) {
                int32_t plane = i * stride[0] + j * stride[1] + k * stride[2];
                for (int32_t l = 0; l < size[3]; ++l, plane += stride[3]) {
                    int32_t row = plane;
                    for (int32_t m = 0; m < size[4]; ++m, row += stride[4], to += size[5] * bytes) {
                        const int8_t *from = (const int8_t *)input + row * bytes;
                        if (stride[5] == 1) {
                            tk_copy_values(from, to, size[5], bytes);
                        } else {
                            tk_copy_strided(from, to, size[5], stride[5], bytes);
                        }
                    }
                }
            }
        }
    }
}

#endif
