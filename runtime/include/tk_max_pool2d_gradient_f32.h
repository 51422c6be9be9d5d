/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MAX_POOL2D_GRADIENT_F32_H
#define TK_MAX_POOL2D_GRADIENT_F32_H

#include "tk_half.h"
#include "tk_window.h"

TK_INLINE void tk_max_pool2d_gradient_real(const void *gradient, const void *input, void *output,
                                           const tk_window *w, int32_t bytes, int32_t input_bytes) {
    int32_t made = 0;
    for (int32_t i = 0; i < w->in_h * w->in_w * w->in_c; ++i) tk_put_real(output, i, bytes, 0.0f);
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        const int32_t row_begin = tk_max(top, 0), row_end = tk_min(top + w->kernel_h, w->in_h);
        for (int32_t x = 0; x < w->out_w; ++x) {
            const int32_t left = x * w->stride_w - w->pad_left;
            const int32_t col_begin = tk_max(left, 0), col_end = tk_min(left + w->kernel_w, w->in_w);
            for (int32_t c = 0; c < w->in_c; ++c) {
                int32_t largest = (row_begin * w->in_w + col_begin) * w->in_c + c;
                float highest = tk_real_at(input, largest, input_bytes);
                for (int32_t row = row_begin; row < row_end; ++row) {
                    for (int32_t col = col_begin; col < col_end; ++col) {
                        const int32_t at = (row * w->in_w + col) * w->in_c + c;
                        const float value = tk_real_at(input, at, input_bytes);
                        if (value > highest) {
                            highest = value;
                            largest = at;
                        }
                    }
                }
                const float before = tk_real_at(output, largest, bytes);
                tk_put_real(output, largest, bytes, before + tk_real_at(gradient, made++, bytes));
            }
        }
    }
}

/* The gradient by the input of a max pool, from `gradient` by its output: each window's goes to the first of its largest
 * values. Added window by window, row by row. */
TK_KERNEL void tk_max_pool2d_gradient_f32(const float *gradient, const float *input, float *output,
                                          const tk_window *w) {
    tk_max_pool2d_gradient_real(gradient, input, output, w, 4, 4);
}

/* The same with gradients that are halves, for windows that do not overlap: nothing is added up. The input has
 * `input_bytes` a value: halves or floats. */
TK_KERNEL void tk_max_pool2d_gradient_f16(const uint16_t *gradient, const void *input, uint16_t *output,
                                          const tk_window *w, int32_t input_bytes) {
    tk_max_pool2d_gradient_real(gradient, input, output, w, 2, input_bytes);
}

#endif
