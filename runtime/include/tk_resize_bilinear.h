/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RESIZE_BILINEAR_H
#define TK_RESIZE_BILINEAR_H

#include "tk_fixed_point.h"

/* Along one axis: output i lies between inputs low[i] and high[i], part[i] of the way: a fraction, or parts of 1024. */
typedef struct {
    const int16_t *low, *high;
    const float *part;
} tk_positions_f32;

typedef struct {
    const int16_t *low, *high;
    const int16_t *part;
} tk_positions_s8;

/* The four pixels around each place, weighed: `sum` counts in parts of one * one. Pixels have `channels` values, input
 * rows in_w pixels. */
#define TK_BILINEAR(type, accumulator, one, result)                                                       \
    for (int32_t y = 0; y < out_h; ++y) {                                                                 \
        const type *top = input + rows->low[y] * in_w * channels;                                         \
        const type *bottom = input + rows->high[y] * in_w * channels;                                     \
        const accumulator down = rows->part[y];                                                           \
        for (int32_t x = 0; x < out_w; ++x) {                                                             \
            const int32_t left = columns->low[x] * channels, right = columns->high[x] * channels;         \
            const accumulator across = columns->part[x];                                                  \
            for (int32_t c = 0; c < channels; ++c) {                                                      \
                const accumulator above = top[left + c] * (one - across) + top[right + c] * across;       \
                const accumulator below = bottom[left + c] * (one - across) + bottom[right + c] * across; \
                const accumulator sum = above * (one - down) + below * down;                              \
                *output++ = result;                                                                       \
            }                                                                                             \
        }                                                                                                 \
    }

TK_KERNEL void tk_resize_bilinear_s8(const int8_t *TK_RESTRICT input, const tk_positions_s8 *rows,
                                     const tk_positions_s8 *columns, int8_t *TK_RESTRICT output,
                                     int32_t out_h, int32_t out_w, int32_t in_w, int32_t channels) {
    TK_BILINEAR(int8_t, int32_t, 1024, (int8_t)tk_shift_away(sum, 20));
}

TK_KERNEL void tk_resize_bilinear_f32(const float *TK_RESTRICT input, const tk_positions_f32 *rows,
                                      const tk_positions_f32 *columns, float *TK_RESTRICT output,
                                      int32_t out_h, int32_t out_w, int32_t in_w, int32_t channels) {
    TK_BILINEAR(float, float, 1.0f, sum);
}

#endif
