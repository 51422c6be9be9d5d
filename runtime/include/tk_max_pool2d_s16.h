/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MAX_POOL2D_S16_H
#define TK_MAX_POOL2D_S16_H

#include "tk_window.h"

/* The largest value under the window, for each channel; padding never wins. Pixels are made in order, so the
 * output may lie below the input by what toolkit.ops.window computes. */
TK_KERNEL void tk_max_pool2d_s16(const int16_t *input, int16_t *output, const tk_window *w) {
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        const int32_t row_end = tk_min(top + w->kernel_h, w->in_h);
        for (int32_t x = 0; x < w->out_w; ++x) {
            const int32_t left = x * w->stride_w - w->pad_left;
            const int32_t col_end = tk_min(left + w->kernel_w, w->in_w);
            for (int32_t c = 0; c < w->in_c; ++c) {
                int32_t best = INT16_MIN;
                for (int32_t row = tk_max(top, 0); row < row_end; ++row) {
                    for (int32_t col = tk_max(left, 0); col < col_end; ++col) {
                        best = tk_max(best, input[(row * w->in_w + col) * w->in_c + c]);
                    }
                }
                *output++ = (int16_t)best;
            }
        }
    }
}

#endif
