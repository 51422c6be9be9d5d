/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_AVG_POOL2D_GRADIENT_F32_H
#define TK_AVG_POOL2D_GRADIENT_F32_H

#include "tk_half.h"
#include "tk_window.h"

TK_INLINE void tk_avg_pool2d_gradient_real(const void *gradient, int32_t divisor, void *output,
                                           const tk_window *w, int32_t bytes) {
    int32_t made = 0;
    for (int32_t i = 0; i < w->in_h * w->in_w * w->in_c; ++i) tk_put_real(output, i, bytes, 0.0f);
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        const int32_t row_begin = tk_max(top, 0), row_end = tk_min(top + w->kernel_h, w->in_h);
        for (int32_t x = 0; x < w->out_w; ++x, made += w->in_c) {
            const int32_t left = x * w->stride_w - w->pad_left;
            const int32_t col_begin = tk_max(left, 0), col_end = tk_min(left + w->kernel_w, w->in_w);
            const int32_t inside = (row_end - row_begin) * (col_end - col_begin);
            const float count = (float)(divisor == 0 ? inside : divisor);
            for (int32_t c = 0; c < w->in_c; ++c) {
                const float share = tk_real_at(gradient, made + c, bytes) / count;
                for (int32_t row = row_begin; row < row_end; ++row) {
                    for (int32_t col = col_begin; col < col_end; ++col) {
                        const int32_t at = (row * w->in_w + col) * w->in_c + c;
                        tk_put_real(output, at, bytes, tk_real_at(output, at, bytes) + share);
                    }
                }
            }
        }
    }
}

/* The gradient by the input of an average pool, from `gradient` by its output: each window's, divided by `divisor` or,
 * where that is 0, by how many of its values lie inside the input. Added window by window, row by row. */
TK_KERNEL void tk_avg_pool2d_gradient_f32(const float *gradient, int32_t divisor, float *output,
                                          const tk_window *w) {
    tk_avg_pool2d_gradient_real(gradient, divisor, output, w, 4);
}

/* The same of halves, for windows that do not overlap: nothing is added up. */
TK_KERNEL void tk_avg_pool2d_gradient_f16(const uint16_t *gradient, int32_t divisor, uint16_t *output,
                                          const tk_window *w) {
    tk_avg_pool2d_gradient_real(gradient, divisor, output, w, 2);
}

#endif
