/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_AVG_POOL2D_S8_MVE_H
#define TK_AVG_POOL2D_S8_MVE_H

#include "tk_mve.h"
#include "tk_window.h"

/* As tk_avg_pool2d_s8, four channels at a time. */
TK_KERNEL void tk_avg_pool2d_s8_mve(const int8_t *input, int32_t divisor, int32_t zero_point, int8_t *output,
                                    const tk_window *w) {
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        const int32_t row_begin = tk_max(top, 0), row_end = tk_min(top + w->kernel_h, w->in_h);
        for (int32_t x = 0; x < w->out_w; ++x) {
            const int32_t left = x * w->stride_w - w->pad_left;
            const int32_t col_begin = tk_max(left, 0), col_end = tk_min(left + w->kernel_w, w->in_w);
            const int32_t inside = (row_end - row_begin) * (col_end - col_begin);
            const int32_t count = divisor == 0 ? inside : divisor;
            const int8_t *corner = input + (row_begin * w->in_w + col_begin) * w->in_c;
            TK_ROLLED
            for (int32_t c = 0; c < w->in_c; c += 4) {
                const int32_t lanes = tk_min(4, w->in_c - c);
                tk_s32x4 sum = tk_v_same((count - inside) * zero_point);
                const int8_t *from = corner + c;
                TK_ROLLED
                for (int32_t row = row_begin; row < row_end; ++row) {
                    TK_ROLLED
                    for (int32_t n = col_end - col_begin; n > 0; --n, from += w->in_c) {
                        sum = tk_v_add(sum, w->in_c % 4 == 0 ? tk_v_load_s8(from)
                                                             : tk_v_load_some_s8(from, lanes));
                    }
                    from += (w->in_w - (col_end - col_begin)) * w->in_c;
                }
                int32_t sums[4];
                tk_v_store(sums, sum);
                TK_ROLLED
                for (int32_t i = 0; i < lanes; ++i) {
                    const int32_t s = sums[i];
                    *output++ =
                        (int8_t)tk_clamp((s > 0 ? s + count / 2 : s - count / 2) / count, INT8_MIN, INT8_MAX);
                }
            }
        }
    }
}

#endif
