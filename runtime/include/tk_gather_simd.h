/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_GATHER_SIMD_H
#define TK_GATHER_SIMD_H

#include "tk_simd.h"
#include "tk_window.h"

/* As tk_im2col_s8, quick where the whole window lies inside. */
TK_INLINE void tk_gather_simd(const int8_t *input, int32_t y, int32_t x, int32_t zero_point, int8_t *column,
                              const tk_window *w) {
    const int32_t top = y * w->stride_h - w->pad_top, left = x * w->stride_w - w->pad_left;
    const int32_t room_h = w->in_h - (w->kernel_h - 1) * w->dilation_h, room_w = w->in_w - w->kernel_w + 1;
    if (w->dilation_w == 1 && top >= 0 && top < room_h && left >= 0 && left < room_w) {
        const int8_t *from = input + (top * w->in_w + left) * w->in_c;
        for (int32_t i = 0; i < w->kernel_h; ++i) {
            column = tk_copy_simd(column, from, w->kernel_w * w->in_c);
            from += w->dilation_h * w->in_w * w->in_c;
        }
        return;
    }
    if (w->dilation_w != 1) {
        tk_im2col_s8(input, y, x, zero_point, column, w);
        return;
    }
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        const tk_taps taps = tk_row_taps(input, top, left, i, w);
        column = tk_fill_simd(column, zero_point, taps.before * w->in_c);
        column = tk_copy_simd(column, taps.from, taps.inside * w->in_c);
        column = tk_fill_simd(column, zero_point, (w->kernel_w - taps.before - taps.inside) * w->in_c);
    }
}

#endif
