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

/* Places begin .. end - 1 of several. */
typedef struct {
    int32_t begin, end;
} tk_reach;

/* Which of `count` places lie inside an axis of `size`: place n lies at first + n * stride. Of a window's taps, stride is
 * their dilation; of the outputs that one tap reaches, the window's stride. */
TK_INLINE tk_reach tk_reach_of(int32_t first, int32_t stride, int32_t size, int32_t count) {
    tk_reach reach = {first < 0 ? (stride - 1 - first) / stride : 0, 0};
    if (first < size) reach.end = tk_min(count, (size - 1 - first) / stride + 1);
    return reach;
}

/* The taps of one kernel row, left to right: `before` of them lie left of the input, then `inside` in it, beginning at
 * `from`, the rest right of it. A row above or below the input has all its taps before. */
typedef struct {
    int32_t before, inside;
    const int8_t *from;
} tk_taps;

/* Kernel row i of the window whose upper left corner is at (top, left), for dilation_w == 1. */
TK_INLINE tk_taps tk_row_taps(const int8_t *input, int32_t top, int32_t left, int32_t i, const tk_window *w) {
    const int32_t row = top + i * w->dilation_h;
    tk_taps taps = {w->kernel_w, 0, input};
    if (row >= 0 && row < w->in_h) {
        taps.before = tk_clamp(-left, 0, w->kernel_w);
        taps.inside = tk_clamp(w->in_w - left, taps.before, w->kernel_w) - taps.before;
        taps.from = input + (row * w->in_w + left + taps.before) * w->in_c;
    }
    return taps;
}

/* Tap (i, j) of any window as a run of its own. */
TK_INLINE tk_taps tk_one_tap(const int8_t *input, int32_t top, int32_t left, int32_t i, int32_t j,
                             const tk_window *w) {
    const int32_t row = top + i * w->dilation_h, col = left + j * w->dilation_w;
    tk_taps taps = {1, 0, input};
    if (row >= 0 && row < w->in_h && col >= 0 && col < w->in_w) {
        taps.before = 0;
        taps.inside = 1;
        taps.from = input + (row * w->in_w + col) * w->in_c;
    }
    return taps;
}

/* Where tap (i, j) of pixel (y, x) reads its channels: in the input, or in `outside`, which holds the zero point. */
TK_INLINE const int8_t *tk_tap(const int8_t *input, const int8_t *outside, int32_t row, int32_t col,
                               const tk_window *w) {
    const int inside = row >= 0 && row < w->in_h && col >= 0 && col < w->in_w;
    return inside ? input + (row * w->in_w + col) * w->in_c : outside;
}

TK_INLINE int8_t *tk_fill_s8(int8_t *to, int32_t value, int32_t count) {
    for (int32_t k = 0; k < count; ++k) to[k] = (int8_t)value;
    return to + count;
}

TK_INLINE int8_t *tk_copy_taps_s8(const tk_taps *taps, int32_t total, int32_t in_c, int32_t zero_point,
                                  int8_t *to) {
    const int32_t inside = taps->inside * in_c;
    if (taps->inside == total) { /* a constant count, where the shapes are */
        for (int32_t k = 0; k < total * in_c; ++k) to[k] = taps->from[k];
        return to + total * in_c;
    }
    to = tk_fill_s8(to, zero_point, taps->before * in_c);
    for (int32_t k = 0; k < inside; ++k) to[k] = taps->from[k];
    return tk_fill_s8(to + inside, zero_point, (total - taps->before - taps->inside) * in_c);
}

/* Copy the window under output pixel (y, x) to `column`, kernel_h * kernel_w * in_c values; what lies outside the
 * input becomes `zero_point`. One copy for all layers: it is long, and little of what a layer costs. */
static TK_NOINLINE TK_UNUSED void tk_im2col_s8(const int8_t *input, int32_t y, int32_t x, int32_t zero_point,
                                               int8_t *column, const tk_window *w) {
    const int32_t top = y * w->stride_h - w->pad_top, left = x * w->stride_w - w->pad_left;
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        if (w->dilation_w == 1) {
            const tk_taps taps = tk_row_taps(input, top, left, i, w);
            column = tk_copy_taps_s8(&taps, w->kernel_w, w->in_c, zero_point, column);
            continue;
        }
        for (int32_t j = 0; j < w->kernel_w; ++j) {
            const tk_taps tap = tk_one_tap(input, top, left, i, j, w);
            column = tk_copy_taps_s8(&tap, 1, w->in_c, zero_point, column);
        }
    }
}

/* Where the column of pixel (y, x) lies: in the input, or in `scratch`, kernel_h * kernel_w * in_c bytes. */
TK_INLINE const int8_t *tk_column_s8(const int8_t *input, int32_t y, int32_t x, int32_t zero_point,
                                     int8_t *scratch, const tk_window *w) {
    if (tk_is_pointwise(w)) return input + (y * w->in_w + x) * w->in_c;
    tk_im2col_s8(input, y, x, zero_point, scratch, w);
    return scratch;
}

/* Where the columns of pixels p and q lie: in the input, or in `scratch`, two of kernel_h * kernel_w * in_c bytes. */
TK_INLINE void tk_two_pixels_s8(const int8_t *input, int32_t p, int32_t q, int32_t zero_point,
                                int8_t *scratch, const tk_window *window, const int8_t *columns[2]) {
    const tk_window shape = *window;
    const int32_t depth = shape.kernel_h * shape.kernel_w * shape.in_c;
    for (int32_t i = 0; i < 2; ++i) {
        const int32_t pixel = i ? q : p;
        if (tk_is_pointwise(&shape)) {
            columns[i] = input + pixel * depth;
        } else {
            tk_im2col_s8(input, pixel / shape.out_w, pixel % shape.out_w, zero_point, scratch + i * depth,
                         window);
            columns[i] = scratch + i * depth;
        }
    }
}

#endif
