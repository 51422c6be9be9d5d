/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RESIZE_BILINEAR_F32_H
#define TK_RESIZE_BILINEAR_F32_H

#include "tk.h"

/* Along one axis: output i lies between inputs low[i] and high[i], part[i] of the way: a fraction. */
typedef struct {
    const int16_t *low, *high;
    const float *part;
} tk_positions_f32;

/* The four pixels around each place, weighed. Pixels have `channels` values, input rows in_w pixels. */
TK_KERNEL void tk_resize_bilinear_f32(const float *TK_RESTRICT input, const tk_positions_f32 *rows,
                                      const tk_positions_f32 *columns, float *TK_RESTRICT output,
                                      int32_t out_h, int32_t out_w, int32_t in_w, int32_t channels) {
    for (int32_t y = 0; y < out_h; ++y) {
        const float *top = input + rows->low[y] * in_w * channels;
        const float *bottom = input + rows->high[y] * in_w * channels;
        const float down = rows->part[y];
        for (int32_t x = 0; x < out_w; ++x) {
            const int32_t left = columns->low[x] * channels, right = columns->high[x] * channels;
            const float across = columns->part[x];
            for (int32_t c = 0; c < channels; ++c) {
                const float above = top[left + c] * (1.0f - across) + top[right + c] * across;
                const float below = bottom[left + c] * (1.0f - across) + bottom[right + c] * across;
                const float sum = above * (1.0f - down) + below * down;
                *output++ = sum;
            }
        }
    }
}

#endif
