/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MAX_POOL2D_F32_H
#define TK_MAX_POOL2D_F32_H

#include "tk_window.h"

/* As tk_max_pool2d_s8, in float32. */
TK_KERNEL void tk_max_pool2d_f32(const float *input, float *output, const tk_window *w) {
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        const int32_t row_end = tk_min(top + w->kernel_h, w->in_h);
        for (int32_t x = 0; x < w->out_w; ++x) {
            const int32_t left = x * w->stride_w - w->pad_left;
            const int32_t col_end = tk_min(left + w->kernel_w, w->in_w);
            for (int32_t c = 0; c < w->in_c; ++c) {
                float best = input[(tk_max(top, 0) * w->in_w + tk_max(left, 0)) * w->in_c + c];
                for (int32_t row = tk_max(top, 0); row < row_end; ++row) {
                    for (int32_t col = tk_max(left, 0); col < col_end; ++col) {
                        const float value = input[(row * w->in_w + col) * w->in_c + c];
                        if (value > best) best = value;
                    }
                }
                *output++ = best;
            }
        }
    }
}

#endif
