/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_EMBEDDING_H
#define TK_EMBEDDING_H

#include "tk_values.h"

/* output[i] = row index[i] of a table of `rows` rows of `size` values of `bytes` bytes; an index beyond it takes the nearest row. */
TK_KERNEL void tk_embedding(const int32_t *TK_RESTRICT index, const void *table, void *TK_RESTRICT output,
                            int32_t bytes, int32_t count, int32_t rows, int32_t size) {
    int8_t *to = (int8_t *)output;
    for (int32_t i = 0; i < count; ++i, to += size * bytes) {
        const int32_t row = tk_clamp(index[i], 0, rows - 1);
        tk_copy_values((const int8_t *)table + row * size * bytes, to, size, bytes);
    }
}

#endif
