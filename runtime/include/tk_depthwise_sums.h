/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_SUMS_H
#define TK_DEPTHWISE_SUMS_H

#include "tk_window.h"

/* The sum of output channel o of one pixel, from `start` on. The upper left tap's channels begin at `corner`, those of the
 * tap below it `row` bytes further, those of the tap beside it `col`. */
TK_INLINE int32_t tk_depthwise_sum(const int8_t *corner, int32_t row, int32_t col,
                                   const TK_ROM int8_t *weight, int32_t o, int32_t start,
                                   const tk_window *w) {
    const int8_t *tap = corner + o / (w->out_c / w->in_c);
    const TK_ROM int8_t *tap_weight = weight + o;
    for (int32_t i = 0; i < w->kernel_h; ++i, tap += row - w->kernel_w * col) {
        for (int32_t j = 0; j < w->kernel_w; ++j, tap += col, tap_weight += w->out_c) {
            start += *tap * *tap_weight;
        }
    }
    return start;
}

/* The body of a depthwise convolution's kernel, pixel by pixel: `finish` makes an output of a sum. */
#define TK_DEPTHWISE_CONV2D(start, finish)                                                              \
    const tk_window shape = *window; /* no call can change it, so literals stay literals */             \
    const int32_t extent_h = (shape.kernel_h - 1) * shape.dilation_h;                                   \
    const int32_t extent_w = (shape.kernel_w - 1) * shape.dilation_w;                                   \
    for (int32_t y = 0; y < shape.out_h; ++y) {                                                         \
        const int32_t top = y * shape.stride_h - shape.pad_top;                                         \
        for (int32_t x = 0; x < shape.out_w; ++x, output += shape.out_c) {                              \
            const int32_t left = x * shape.stride_w - shape.pad_left;                                   \
            const int8_t *corner = scratch;                                                             \
            int32_t row = shape.kernel_w * shape.in_c, col = shape.in_c;                                \
            if (top >= 0 && top + extent_h < shape.in_h && left >= 0 && left + extent_w < shape.in_w) { \
                corner = input + (top * shape.in_w + left) * shape.in_c;                                \
                row = shape.dilation_h * shape.in_w * shape.in_c;                                       \
                col = shape.dilation_w * shape.in_c;                                                    \
            } else {                                                                                    \
                tk_im2col_s8(input, y, x, zero_point, scratch, window);                                 \
            }                                                                                           \
            for (int32_t o = 0; o < shape.out_c; ++o) {                                                 \
                const int32_t sum = tk_depthwise_sum(corner, row, col, weight, o, (start)[o], &shape);  \
                output[o] = finish(sum, o, requant);                                                    \
            }                                                                                           \
        }                                                                                               \
    }

#endif
