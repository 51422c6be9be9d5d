/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_EMBEDDING_S8_H
#define TK_EMBEDDING_S8_H

#include "tk.h"

/* output[i] = row index[i] of a table of `rows` rows of `size` values; an index beyond it takes the nearest row. */
TK_KERNEL void tk_embedding_s8(const int32_t *TK_RESTRICT index, const int8_t *table,
                               int8_t *TK_RESTRICT output, int32_t count, int32_t rows, int32_t size) {
    for (int32_t i = 0; i < count; ++i) {
        const int8_t *from = table + tk_clamp(index[i], 0, rows - 1) * size;
        for (int32_t k = 0; k < size; ++k) *output++ = from[k];
    }
}

#endif
