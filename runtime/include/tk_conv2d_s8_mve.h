/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_S8_MVE_H
#define TK_CONV2D_S8_MVE_H

#include "tk_columns_mve.h"
#include "tk_row_mve.h"

/* One window, kernel columns outermost, as a column of `columns` would be. */
TK_INLINE void tk_one_window_mve(const int8_t *input, int32_t y, int32_t x, int32_t zero_point, int8_t *to,
                                 const tk_window *w) {
    const int32_t top = y * w->stride_h - w->pad_top, left = x * w->stride_w - w->pad_left;
    TK_ROLLED
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

/* As tk_conv2d_s8, with weights (out_c, kernel_w, kernel_h, in_c) and constants in tiles (tk_row_mve.h). `bytes` of
 * scratch: 0 where windows are runs of whole chunks in the input already; else what the windows of a row of output take,
 * stood on end, or, with dilation_w, one window; the last chunk read whole. */
TK_KERNEL void tk_conv2d_s8_mve(const int8_t *input, int32_t zero_point, const tk_matrix_mve *matrix,
                                tk_row_function_mve *row, int8_t *scratch, int32_t bytes, int8_t *output,
                                const tk_window *w) {
    if (bytes == 0 && tk_is_pointwise(w)) {
        row(input, w->in_c, w->out_h * w->out_w, matrix, output);
        return;
    }
    tk_spread spread;
    if (bytes != 0 && w->in_c < 16) spread = tk_spread_of(w->in_c, w->kernel_h * w->in_c);
    TK_ROLLED
    for (int32_t y = 0; y < w->out_h; ++y) {
        if (bytes == 0) {
            row(input + y * w->stride_h * w->in_w * w->in_c, w->stride_w * w->in_c, w->out_w, matrix, output);
        } else if (w->dilation_w == 1) {
            tk_columns_mve(input, y, zero_point, &spread, scratch, bytes, w);
            row(scratch, w->stride_w * w->kernel_h * w->in_c, w->out_w, matrix, output);
        } else {
            for (int32_t x = 0; x < w->out_w; ++x) {
                tk_one_window_mve(input, y, x, zero_point, scratch, w);
                row(scratch, 0, 1, matrix, output + x * w->out_c);
            }
        }
        output += w->out_w * w->out_c;
    }
}

#endif
