/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_COLUMNS_MVE_H
#define TK_COLUMNS_MVE_H

#include "tk_mve.h"
#include "tk_window.h"

/* The rows that one row of output reads, stood on end: column x holds the kernel_h values of every channel at x, and
 * columns follow each other. So each window is one run of bytes, windows share what they have in common, and every
 * input byte is copied once for a row of output instead of once for each pixel. */

/* to[x * step + c] = from[x * in_c + c] for `pixels` pixels; step is at least in_c. */
TK_INLINE void tk_spread_mve(const int8_t *from, int32_t pixels, int32_t in_c, int8_t *to, int32_t step) {
#ifdef TK_HAS_MVE
    if (in_c % 16 == 0) {
        for (int32_t x = 0; x < pixels; ++x, to += step) {
            for (int32_t c = 0; c < in_c; c += 16, from += 16) vstrbq_s8(to + c, vldrbq_s8(from));
        }
        return;
    }
    if (in_c <= 8 && step < 8192) { /* whole pixels in eight lanes, scattered */
        const int32_t together = 8 / in_c;
        uint16_t place[8];
        for (int32_t k = 0; k < 8; ++k) place[k] = (uint16_t)(k / in_c * step + k % in_c);
        const uint16x8_t places = vldrhq_u16(place);
        for (int32_t left = pixels * in_c; left > 0; left -= together * in_c) {
            const mve_pred16_t inside = vctp16q((uint32_t)tk_min(left, together * in_c));
            vstrbq_scatter_offset_p_s16(to, places, vldrbq_z_s16(from, inside), inside);
            from += together * in_c;
            to += together * step;
        }
        return;
    }
#endif
    for (int32_t x = 0; x < pixels; ++x, from += in_c, to += step) tk_copy_mve(to, from, in_c);
}

/* Stand the rows under output row y on end in `columns`, whose `bytes` may be overwritten up to a multiple of 16. What
 * lies outside the input becomes `zero_point`. Must be called for every row in turn, from 0. */
TK_INLINE void tk_columns_mve(const int8_t *input, int32_t y, int32_t zero_point, int8_t *columns,
                              int32_t bytes, const tk_window *w) {
    const int32_t top = y * w->stride_h - w->pad_top, step = w->kernel_h * w->in_c;
    const int32_t width = (w->out_w - 1) * w->stride_w + (w->kernel_w - 1) * w->dilation_w + 1;
    const int32_t last = top + (w->kernel_h - 1) * w->dilation_h;
    const int32_t pixels = tk_min(w->in_w, width - w->pad_left);
    if (y == 0 || top < 0 || last >= w->in_h) tk_set_mve(columns, zero_point, bytes);
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        const int32_t row = top + i * w->dilation_h;
        if (row < 0 || row >= w->in_h) continue;
        tk_spread_mve(input + row * w->in_w * w->in_c, pixels, w->in_c,
                      columns + w->pad_left * step + i * w->in_c, step);
    }
}

#endif
