/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_COLUMN_AVR_H
#define TK_COLUMN_AVR_H

#include "tk_window.h"

/* As tk_im2col_s8, where 15 bits hold every size. */
static TK_NOINLINE TK_UNUSED void tk_column_s8_avr(const int8_t *input, int16_t y, int16_t x,
                                                   int8_t zero_point, int8_t *column, const tk_window *w) {
    const int16_t in_h = (int16_t)w->in_h, in_w = (int16_t)w->in_w, in_c = (int16_t)w->in_c;
    const int16_t dilation_w = (int16_t)w->dilation_w, step = (int16_t)(dilation_w * in_c);
    const int16_t left = (int16_t)(x * (int16_t)w->stride_w - (int16_t)w->pad_left);
    int16_t row = (int16_t)(y * (int16_t)w->stride_h - (int16_t)w->pad_top);
    for (int16_t i = (int16_t)w->kernel_h; i; --i, row = (int16_t)(row + w->dilation_h)) {
        const int8_t *from = input + (int16_t)((int16_t)(row * in_w + left) * in_c);
        const uint8_t row_inside = row >= 0 && row < in_h;
        int16_t col = left;
        for (int16_t j = (int16_t)w->kernel_w; j; --j, col = (int16_t)(col + dilation_w), from += step) {
            const uint8_t inside = row_inside && col >= 0 && col < in_w;
            for (int16_t c = 0; c < in_c; ++c) *column++ = inside ? from[c] : zero_point;
        }
    }
}

/* The body of a convolution's kernel: `channels_of` makes all outputs of one column of inputs, which is read where it lies
 * when the window is pointwise, and else gathered in `scratch`. */
#define TK_COLUMNS_AVR(channels_of)                                                        \
    const uint16_t depth = (uint16_t)(window->kernel_h * window->kernel_w * window->in_c); \
    const uint16_t channels = (uint16_t)window->out_c;                                     \
    const int pointwise = tk_is_pointwise(window);                                         \
    for (int16_t y = 0; y < (int16_t)window->out_h; ++y) {                                 \
        for (int16_t x = 0; x < (int16_t)window->out_w; ++x) {                             \
            const int8_t *column = input;                                                  \
            if (pointwise) {                                                               \
                input += depth;                                                            \
            } else {                                                                       \
                tk_column_s8_avr(input, y, x, zero_point, scratch, window);                \
                column = scratch;                                                          \
            }                                                                              \
            output = channels_of(column, weight, bias, requant, output, depth, channels);  \
        }                                                                                  \
    }

#endif
