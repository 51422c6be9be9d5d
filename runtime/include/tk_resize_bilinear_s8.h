/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RESIZE_BILINEAR_S8_H
#define TK_RESIZE_BILINEAR_S8_H

#include "tk_fixed_point.h"

/* Along one axis: output i lies between inputs low[i] and high[i], part[i] of the way: parts of 1024. */
typedef struct {
    const int16_t *low, *high;
    const int16_t *part;
} tk_positions_s8;

/* The four pixels around each place, weighed. Pixels have `channels` values, input rows in_w pixels. */
TK_KERNEL void tk_resize_bilinear_s8(const int8_t *TK_RESTRICT input, const tk_positions_s8 *rows,
                                     const tk_positions_s8 *columns, int8_t *TK_RESTRICT output,
                                     int32_t out_h, int32_t out_w, int32_t in_w, int32_t channels) {
    for (int32_t y = 0; y < out_h; ++y) {
        const int8_t *top = input + rows->low[y] * in_w * channels;
        const int8_t *bottom = input + rows->high[y] * in_w * channels;
        const int32_t down = rows->part[y];
        for (int32_t x = 0; x < out_w; ++x) {
            const int32_t left = columns->low[x] * channels, right = columns->high[x] * channels;
            const int32_t across = columns->part[x];
            for (int32_t c = 0; c < channels; ++c) {
                const int32_t above = top[left + c] * (1024 - across) + top[right + c] * across;
                const int32_t below = bottom[left + c] * (1024 - across) + bottom[right + c] * across;
                const int32_t sum = above * (1024 - down) + below * down;
                *output++ = (int8_t)tk_shift_away(sum, 20);
            }
        }
    }
}

#endif
