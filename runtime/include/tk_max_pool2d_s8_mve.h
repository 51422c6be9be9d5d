/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MAX_POOL2D_S8_MVE_H
#define TK_MAX_POOL2D_S8_MVE_H

#include "tk_mve.h"
#include "tk_window.h"

/* As tk_max_pool2d_s8, 16 channels at a time. */
TK_KERNEL void tk_max_pool2d_s8_mve(const int8_t *input, int8_t *output, const tk_window *w) {
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        const int32_t row_begin = tk_max(top, 0), row_end = tk_min(top + w->kernel_h, w->in_h);
        for (int32_t x = 0; x < w->out_w; ++x) {
            const int32_t left = x * w->stride_w - w->pad_left;
            const int32_t col_begin = tk_max(left, 0), col_end = tk_min(left + w->kernel_w, w->in_w);
            const int8_t *corner = input + (row_begin * w->in_w + col_begin) * w->in_c;
            for (int32_t c = 0; c < w->in_c; c += 16) {
                const int32_t lanes = tk_min(16, w->in_c - c);
                tk_s8x16 best = tk_b_same(INT8_MIN);
                const int8_t *from = corner + c;
                TK_ROLLED
                for (int32_t row = row_begin; row < row_end; ++row) {
                    TK_ROLLED
                    for (int32_t n = col_end - col_begin; n > 0; --n, from += w->in_c) {
                        best = tk_b_max(best, tk_b_load_some(from, lanes));
                    }
                    from += (w->in_w - (col_end - col_begin)) * w->in_c;
                }
                tk_b_store_some(output, best, lanes);
                output += lanes;
            }
        }
    }
}

#endif
