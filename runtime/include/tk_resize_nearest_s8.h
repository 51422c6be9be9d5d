/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RESIZE_NEAREST_S8_H
#define TK_RESIZE_NEAREST_S8_H

#include "tk.h"

/* output[y][x] = input[rows[y]][columns[x]], pixels of `channels` values; input rows have in_w pixels. */
TK_KERNEL void tk_resize_nearest_s8(const int8_t *TK_RESTRICT input, const int16_t *rows,
                                    const int16_t *columns, int8_t *TK_RESTRICT output, int32_t out_h,
                                    int32_t out_w, int32_t in_w, int32_t channels) {
    for (int32_t y = 0; y < out_h; ++y) {
        for (int32_t x = 0; x < out_w; ++x) {
            const int8_t *from = input + (rows[y] * in_w + columns[x]) * channels;
            for (int32_t c = 0; c < channels; ++c) *output++ = from[c];
        }
    }
}

#endif
