/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_WORDS_H
#define TK_WORDS_H

#include "tk_window.h"

/* Activations as words for kernels that look ternary sums up in tables: values + 128, so that they are not negative, one
 * a word, or those of two pixels in its halves. A half holds the sums of 128 columns with codes up to 2. */

TK_INLINE void tk_zero_words(uint32_t *to, int32_t count) {
    TK_ROLLED for (int32_t i = 0; i < count; ++i) to[i] = 0;
}

/* Write values + 128 to `to`, one a word. */
static TK_NOINLINE TK_UNUSED void tk_words(const int8_t *from, int32_t count, uint32_t *to) {
    TK_ROLLED for (int32_t k = 0; k < count; ++k) to[k] = (uint32_t)(from[k] + 128);
}

/* Write `count` values + 128 of pixels p and q as the halves of a word each; return where the next go. */
static TK_NOINLINE TK_UNUSED uint32_t *tk_pair_words(const int8_t *p, const int8_t *q, int32_t count,
                                                     uint32_t *to) {
    TK_ROLLED for (int32_t k = 0; k < count; ++k) {
        to[k] = (uint32_t)p[k] + ((uint32_t)q[k] << 16) + 0x800080u;
    }
    return to + count;
}

/* Gather the windows under output pixels p and q as words; columns from there to `end` become 0. `outside` holds in_c zero
 * points. */
TK_INLINE void tk_gather_words(const int8_t *input, int32_t p, int32_t q, const int8_t *outside, uint32_t *to,
                               const uint32_t *end, const tk_window *w) {
    if (tk_is_pointwise(w)) {
        to = tk_pair_words(input + p * w->in_c, input + q * w->in_c, w->in_c, to);
    } else {
        const int32_t py = p / w->out_w, px = p - py * w->out_w, qy = q / w->out_w, qx = q - qy * w->out_w;
        const int32_t p_top = py * w->stride_h - w->pad_top, p_left = px * w->stride_w - w->pad_left;
        const int32_t q_top = qy * w->stride_h - w->pad_top, q_left = qx * w->stride_w - w->pad_left;
        for (int32_t i = 0; i < w->kernel_h * w->dilation_h; i += w->dilation_h) {
            for (int32_t j = 0; j < w->kernel_w * w->dilation_w; j += w->dilation_w) {
                to = tk_pair_words(tk_tap(input, outside, p_top + i, p_left + j, w),
                                   tk_tap(input, outside, q_top + i, q_left + j, w), w->in_c, to);
            }
        }
    }
    tk_zero_words(to, (int32_t)(end - to));
}

/* Add the sums' halves to those of both pixels, and let them begin anew. */
static TK_NOINLINE TK_UNUSED void tk_split_words(uint32_t *sums, int32_t count, uint32_t *p, uint32_t *q) {
    TK_ROLLED for (int32_t i = 0; i < count; ++i) {
        p[i] += sums[i] & 0xFFFFu;
        q[i] += sums[i] >> 16;
        sums[i] = 0;
    }
}

#endif
