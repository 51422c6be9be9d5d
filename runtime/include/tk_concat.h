/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONCAT_H
#define TK_CONCAT_H

#include "tk_values.h"

/* Copy one input of a concatenation: `rows` rows of `size` values, of `bytes` bytes, to output rows that begin `stride`
 * values apart. */
TK_KERNEL void tk_concat(const void *TK_RESTRICT input, void *TK_RESTRICT output, int32_t bytes, int32_t rows,
                         int32_t size, int32_t stride) {
    const int8_t *from = (const int8_t *)input;
    int8_t *to = (int8_t *)output;
    for (int32_t row = 0; row < rows; ++row, from += size * bytes, to += stride * bytes) {
        tk_copy_values(from, to, size, bytes);
    }
}

#endif
