/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TAKE_H
#define TK_TAKE_H

#include "tk_values.h"

/* output[row][i] = input[row][index[i]]: `count` of the `depth` runs of `inner` values, of `bytes` bytes, in each of `rows`
 * rows. */
TK_KERNEL void tk_take(const void *TK_RESTRICT input, const int32_t *index, void *TK_RESTRICT output,
                       int32_t bytes, int32_t rows, int32_t depth, int32_t count, int32_t inner) {
    const int8_t *from = (const int8_t *)input;
    int8_t *to = (int8_t *)output;
    for (int32_t row = 0; row < rows; ++row, from += depth * inner * bytes) {
        for (int32_t i = 0; i < count; ++i, to += inner * bytes) {
            tk_copy_values(from + index[i] * inner * bytes, to, inner, bytes);
        }
    }
}

#endif
