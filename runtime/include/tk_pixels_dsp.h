/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_PIXELS_DSP_H
#define TK_PIXELS_DSP_H

#include "tk_dsp.h"
#include "tk_window.h"

/* Widen `count` bytes (a multiple of 4) to 16-bit lanes in the order SXTB16 gives: columns (0, 2), (1, 3), … Words go
 * to every second place, so that two pixels interleave. Returns where the next word goes. */
TK_INLINE uint32_t *tk_widen_s8(const int8_t *from, int32_t count, uint32_t *to) {
    for (int32_t k = 0; k < count; k += 4, to += 4) {
        const uint32_t word = tk_load4(from + k);
        to[0] = tk_sxtb16(word);
        to[2] = tk_sxtb16_odd(word);
    }
    return to;
}

TK_INLINE uint32_t *tk_fill_lanes(uint32_t *to, int32_t value, int32_t count) {
    const uint32_t lanes = ((uint32_t)value & 0xFFFFu) * 0x10001u;
    for (int32_t k = 0; k < count; k += 2, to += 2) *to = lanes;
    return to;
}

TK_INLINE uint32_t *tk_widen_taps(const tk_taps *taps, int32_t total, int32_t in_c, int32_t zero_point,
                                  uint32_t *to) {
    if (taps->inside == total) return tk_widen_s8(taps->from, total * in_c, to); /* a constant count */
    to = tk_fill_lanes(to, zero_point, taps->before * in_c);
    to = tk_widen_s8(taps->from, taps->inside * in_c, to);
    return tk_fill_lanes(to, zero_point, (total - taps->before - taps->inside) * in_c);
}

/* Gather the window under output pixel (y, x), widened as tk_widen_s8 does. Columns up to `padded` (a multiple of 4)
 * that the window lacks become 0. `bytes` holds `padded` bytes when in_c is no multiple of 4, else nothing. */
TK_INLINE void tk_gather_dsp(const int8_t *input, int32_t y, int32_t x, int32_t zero_point, int32_t padded,
                             int8_t *bytes, uint32_t *to, const tk_window *w) {
    const int32_t depth = w->kernel_h * w->kernel_w * w->in_c;
    if (w->in_c % 4 != 0) {
        tk_im2col_s8(input, y, x, zero_point, bytes, w);
        tk_fill_s8(bytes + depth, 0, padded - depth);
        tk_widen_s8(bytes, padded, to);
        return;
    }
    const int32_t top = y * w->stride_h - w->pad_top, left = x * w->stride_w - w->pad_left;
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        if (w->dilation_w == 1) {
            const tk_taps taps = tk_row_taps(input, top, left, i, w);
            to = tk_widen_taps(&taps, w->kernel_w, w->in_c, zero_point, to);
            continue;
        }
        for (int32_t j = 0; j < w->kernel_w; ++j) {
            const tk_taps tap = tk_one_tap(input, top, left, i, j, w);
            to = tk_widen_taps(&tap, 1, w->in_c, zero_point, to);
        }
    }
    tk_fill_lanes(to, 0, padded - depth);
}

/* Gather output pixels p and p + 1 (or p twice, when it is the last) into `scratch`: 2 * padded 16-bit lanes each,
 * interleaved by words, then the bytes that tk_gather_dsp wants. */
TK_INLINE void tk_gather_pair_dsp(const int8_t *input, int32_t p, int32_t zero_point, int32_t padded,
                                  uint32_t *scratch, const tk_window *w) {
    int8_t *bytes = (int8_t *)(scratch + padded);
    for (int32_t i = 0; i < 2; ++i) {
        const int32_t pixel = tk_min(p + i, w->out_h * w->out_w - 1);
        tk_gather_dsp(input, pixel / w->out_w, pixel % w->out_w, zero_point, padded, bytes, scratch + i, w);
    }
}

#endif
