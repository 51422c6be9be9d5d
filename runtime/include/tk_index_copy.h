/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_INDEX_COPY_H
#define TK_INDEX_COPY_H

#include "tk.h"

/* output (outer, rows, row_bytes) is `input`, but for rows index[0] .. index[count - 1], which come from source (outer,
 * count, row_bytes); an index beyond the rows takes the nearest one. `output` may be `input`: then only those rows are
 * written. */
TK_KERNEL void tk_index_copy(const int8_t *input, const int32_t *index, const int8_t *source, int8_t *output,
                             int32_t outer, int32_t rows, int32_t count, int32_t row_bytes) {
    if (output != input) {
        for (int32_t k = 0; k < outer * rows * row_bytes; ++k) output[k] = input[k];
    }
    for (int32_t o = 0; o < outer; ++o, output += rows * row_bytes) {
        for (int32_t i = 0; i < count; ++i) {
            int8_t *const to = output + tk_clamp(index[i], 0, rows - 1) * row_bytes;
            for (int32_t k = 0; k < row_bytes; ++k) to[k] = *source++;
        }
    }
}

#endif
