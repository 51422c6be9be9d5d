/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_AVG_POOL2D_S16_H
#define TK_AVG_POOL2D_S16_H

#include "tk_window.h"

/* The mean under the window, for each channel, rounded half away from zero as TensorFlow Lite does. Input and
 * output have one scale. `divisor` 0 divides by the number of values that lie inside the input; any other divides
 * by itself and counts padding as zeros. Pixels are made in order, so the output may lie below the input by
 * what toolkit.ops.window computes. */
TK_KERNEL void tk_avg_pool2d_s16(const int16_t *input, int32_t divisor, int16_t *output, const tk_window *w) {
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        const int32_t row_begin = tk_max(top, 0);
        const int32_t row_end = tk_min(top + w->kernel_h, w->in_h);
        for (int32_t x = 0; x < w->out_w; ++x) {
            const int32_t left = x * w->stride_w - w->pad_left;
            const int32_t col_begin = tk_max(left, 0);
            const int32_t col_end = tk_min(left + w->kernel_w, w->in_w);
            const int32_t inside = (row_end - row_begin) * (col_end - col_begin);
            const int32_t count = divisor == 0 ? inside : divisor;
            for (int32_t c = 0; c < w->in_c; ++c) {
                int32_t sum = 0;
                for (int32_t row = row_begin; row < row_end; ++row) {
                    for (int32_t col = col_begin; col < col_end; ++col) {
                        sum += input[(row * w->in_w + col) * w->in_c + c];
                    }
                }
                sum = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
                *output++ = (int16_t)tk_clamp(sum, INT16_MIN, INT16_MAX);
            }
        }
    }
}

#endif
