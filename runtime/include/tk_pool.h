/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_POOL_H
#define TK_POOL_H

#include "tk_window.h"

/* Make each output of a pooling from the values under its window that lie inside the input: `total` begins as `first`
 * and becomes `next` with each `value`; the output is `result`. `row_begin`, `col_begin` and how many values lie
 * `inside` are known. Pixels are made in order, so the output may lie below the input by what toolkit.ops.window
 * computes. */
#define TK_POOL(type, accumulator, first, next, result)                                               \
    for (int32_t y = 0; y < w->out_h; ++y) {                                                          \
        const int32_t top = y * w->stride_h - w->pad_top;                                             \
        const int32_t row_begin = tk_max(top, 0), row_end = tk_min(top + w->kernel_h, w->in_h);       \
        for (int32_t x = 0; x < w->out_w; ++x) {                                                      \
            const int32_t left = x * w->stride_w - w->pad_left;                                       \
            const int32_t col_begin = tk_max(left, 0), col_end = tk_min(left + w->kernel_w, w->in_w); \
            const int32_t inside = (row_end - row_begin) * (col_end - col_begin);                     \
            (void)inside;                                                                             \
            for (int32_t c = 0; c < w->in_c; ++c) {                                                   \
                accumulator total = first;                                                            \
                for (int32_t row = row_begin; row < row_end; ++row) {                                 \
                    for (int32_t col = col_begin; col < col_end; ++col) {                             \
                        const type value = input[(row * w->in_w + col) * w->in_c + c];                \
                        total = next;                                                                 \
                    }                                                                                 \
                }                                                                                     \
                *output++ = (type)(result);                                                           \
            }                                                                                         \
        }                                                                                             \
    }

#endif
