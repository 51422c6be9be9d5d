/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_S8_MVE_H
#define TK_CONV2D_S8_MVE_H

#include "tk_columns_mve.h"
#include "tk_dot_mve.h"

/* A row of windows, `step` bytes apart, two at a time. */
TK_INLINE void tk_row_mve(const int8_t *x, int32_t step, int32_t pixels, const tk_matrix_mve *matrix,
                          int32_t twice, int8_t *output) {
    for (int32_t left = pixels >> 1; left > 0; --left, x += 2 * step, output += 2 * matrix->channels) {
        tk_pixels_mve(x, x + step, matrix, twice, output);
    }
    if (pixels % 2 != 0) tk_pixel_mve(x, matrix, twice, output);
}

/* One window, kernel columns outermost, as a column of `columns` would be. */
TK_INLINE void tk_one_window_mve(const int8_t *input, int32_t y, int32_t x, int32_t zero_point, int8_t *to,
                                 const tk_window *w) {
    const int32_t top = y * w->stride_h - w->pad_top, left = x * w->stride_w - w->pad_left;
    for (int32_t j = 0; j < w->kernel_w; ++j) {
        for (int32_t i = 0; i < w->kernel_h; ++i, to += w->in_c) {
            const tk_taps tap = tk_one_tap(input, top, left, i, j, w);
            if (tap.inside != 0) {
                tk_copy_mve(to, tap.from, w->in_c);
            } else {
                tk_set_mve(to, zero_point, w->in_c);
            }
        }
    }
}

/* As tk_conv2d_s8, with weights (out_c, kernel_w, kernel_h, in_c) and constants in the tiles of tk_dot_mve.h. `bytes`
 * of scratch: 0 where windows are runs of whole 16 bytes in the input already; else what the windows of a row of output
 * take, stood on end, or, with dilation_w, one window; the last chunk read whole. */
TK_KERNEL void tk_conv2d_s8_mve(const int8_t *input, int32_t zero_point, const tk_matrix_mve *matrix,
                                int32_t twice, int8_t *scratch, int32_t bytes, int8_t *output,
                                const tk_window *w) {
    const int32_t row_bytes = w->out_w * w->out_c;
    if (bytes == 0 && tk_is_pointwise(w)) {
        tk_row_mve(input, w->in_c, w->out_h * w->out_w, matrix, twice, output);
        return;
    }
    for (int32_t y = 0; y < w->out_h; ++y, output += row_bytes) {
        if (bytes == 0) {
            const int8_t *row = input + y * w->stride_h * w->in_w * w->in_c;
            tk_row_mve(row, w->stride_w * w->in_c, w->out_w, matrix, twice, output);
        } else if (w->dilation_w == 1) {
            tk_columns_mve(input, y, zero_point, scratch, bytes, w);
            tk_row_mve(scratch, w->stride_w * w->kernel_h * w->in_c, w->out_w, matrix, twice, output);
        } else {
            for (int32_t x = 0; x < w->out_w; ++x) {
                tk_one_window_mve(input, y, x, zero_point, scratch, w);
                tk_pixel_mve(scratch, matrix, twice, output + x * w->out_c);
            }
        }
    }
}

#endif
