/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_WINDOW_H
#define TK_WINDOW_H

#include "tk.h"

/* A window that slides over an activation of in_h x in_w pixels with in_c channels each (NHWC). */
typedef struct {
    int32_t in_h, in_w, in_c;
    int32_t out_h, out_w, out_c;
    int32_t kernel_h, kernel_w;
    int32_t stride_h, stride_w;
    int32_t dilation_h, dilation_w;
    int32_t pad_top, pad_left;
} tk_window;

/* True when output pixel p reads input pixel p and nothing else. */
TK_INLINE int tk_is_pointwise(const tk_window *w) {
    return w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 && w->stride_w == 1 && w->pad_top == 0 &&
           w->pad_left == 0 && w->in_h == w->out_h && w->in_w == w->out_w;
}

/* Copy the window under output pixel (y, x) to `column`, kernel_h * kernel_w * in_c values; what lies outside the
 * input becomes `zero_point`. */
TK_INLINE void tk_im2col_s8(const int8_t *input, int32_t y, int32_t x, int32_t zero_point, int8_t *column,
                            const tk_window *w) {
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        const int32_t row = y * w->stride_h - w->pad_top + i * w->dilation_h;
        for (int32_t j = 0; j < w->kernel_w; ++j) {
            const int32_t col = x * w->stride_w - w->pad_left + j * w->dilation_w;
            if (row >= 0 && row < w->in_h && col >= 0 && col < w->in_w) {
                const int8_t *pixel = input + (row * w->in_w + col) * w->in_c;
                for (int32_t c = 0; c < w->in_c; ++c) *column++ = pixel[c];
            } else {
                for (int32_t c = 0; c < w->in_c; ++c) *column++ = (int8_t)zero_point;
            }
        }
    }
}

#endif
