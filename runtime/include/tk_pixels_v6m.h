/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_PIXELS_V6M_H
#define TK_PIXELS_V6M_H

#include "tk_v6m.h"
#include "tk_window.h"

/* Two pixels in one multiply: a word holds pixel p's value in its lower half and pixel q's in its upper one, so that its
 * product with a weight sums both. Two columns' products fit the halves exactly, once the sum is brought back to signed
 * weights (they are stored + 128, since only unsigned bytes load in one instruction). Per two columns there are three
 * words: both columns, and what to take away, 128 * (their sum) - 2^15, the 2^15 to keep the lower half from
 * borrowing. */

/* Write `count` (even) columns of pixels p and q as words to `to`; return where the next go. */
static TK_NOINLINE TK_UNUSED uint32_t *tk_pair_columns_v6m(const int8_t *p, const int8_t *q, int32_t count,
                                                           uint32_t *to) {
    const int8_t *const end = p + count;
    for (; p != end; p += 2, q += 2, to += 3) {
        const uint32_t even = (uint32_t)p[0] + ((uint32_t)q[0] << 16);
        const uint32_t odd = (uint32_t)p[1] + ((uint32_t)q[1] << 16);
        to[0] = even;
        to[1] = odd;
        to[2] = ((even + odd) << 7) - 0x8000u;
    }
    return to;
}

/* Gather output pixels p and p + 1 (or p twice, when it is the last) to `to`: 3 words for every two columns. `bytes`
 * holds in_c zero points, or, when in_c is odd, room for two pixels of `padded` columns. */
TK_INLINE void tk_gather_pair_v6m(const int8_t *input, int32_t p, int32_t zero_point, int32_t padded,
                                  int8_t *bytes, uint32_t *to, const tk_window *w) {
    const int32_t q = tk_min(p + 1, w->out_h * w->out_w - 1);
    if (tk_is_pointwise(w) && w->in_c % 2 == 0) {
        tk_pair_columns_v6m(input + p * w->in_c, input + q * w->in_c, w->in_c, to);
        return;
    }
    const int32_t py = p / w->out_w, px = p - py * w->out_w, qy = q / w->out_w, qx = q - qy * w->out_w;
    if (w->in_c % 2 != 0) {
        tk_im2col_s8(input, py, px, zero_point, bytes, w);
        tk_im2col_s8(input, qy, qx, zero_point, bytes + padded, w);
        tk_pair_columns_v6m(bytes, bytes + padded, padded, to);
        return;
    }
    const int32_t p_top = py * w->stride_h - w->pad_top, p_left = px * w->stride_w - w->pad_left;
    const int32_t q_top = qy * w->stride_h - w->pad_top, q_left = qx * w->stride_w - w->pad_left;
    for (int32_t i = 0; i < w->kernel_h * w->dilation_h; i += w->dilation_h) {
        for (int32_t j = 0; j < w->kernel_w * w->dilation_w; j += w->dilation_w) {
            to = tk_pair_columns_v6m(tk_tap(input, bytes, p_top + i, p_left + j, w),
                                     tk_tap(input, bytes, q_top + i, q_left + j, w), w->in_c, to);
        }
    }
}

#endif
