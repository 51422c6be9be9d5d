/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RESIZE_NEAREST_H
#define TK_RESIZE_NEAREST_H

#include "tk_values.h"

/* output[y][x] = input[rows[y]][columns[x]], pixels of `channels` values of `bytes` bytes; input rows have in_w pixels. */
TK_KERNEL void tk_resize_nearest(const void *TK_RESTRICT input, const int16_t *rows, const int16_t *columns,
                                 void *TK_RESTRICT output, int32_t bytes, int32_t out_h, int32_t out_w,
                                 int32_t in_w, int32_t channels) {
    const int32_t pixel = channels * bytes;
    int8_t *to = (int8_t *)output;
    for (int32_t y = 0; y < out_h; ++y) {
        for (int32_t x = 0; x < out_w; ++x, to += pixel) {
            tk_copy_values((const int8_t *)input + (rows[y] * in_w + columns[x]) * pixel, to, channels,
                           bytes);
        }
    }
}

#endif
