/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_T2_V6M_H
#define TK_CONV2D_T2_V6M_H

#include "tk_pixels_v6m.h"
#include "tk_ternary_v6m.h"

/* Write `count` values + 128 of pixels p and q as the halves of a word each; return where the next go. */
static TK_NOINLINE TK_UNUSED uint32_t *tk_pair_words_v6m(const int8_t *p, const int8_t *q, int32_t count,
                                                         uint32_t *to) {
    TK_ROLLED for (int32_t k = 0; k < count; ++k) {
        to[k] = (uint32_t)p[k] + ((uint32_t)q[k] << 16) + 0x800080u;
    }
    return to + count;
}

/* Gather the windows under output pixels p and q as words; columns behind them become 0. `outside` holds in_c zero
 * points. */
TK_INLINE void tk_gather_words_v6m(const int8_t *input, int32_t p, int32_t q, const int8_t *outside,
                                   uint32_t *to, const tk_window *w) {
    if (tk_is_pointwise(w)) {
        to = tk_pair_words_v6m(input + p * w->in_c, input + q * w->in_c, w->in_c, to);
    } else {
        const int32_t py = p / w->out_w, px = p - py * w->out_w, qy = q / w->out_w, qx = q - qy * w->out_w;
        const int32_t p_top = py * w->stride_h - w->pad_top, p_left = px * w->stride_w - w->pad_left;
        const int32_t q_top = qy * w->stride_h - w->pad_top, q_left = qx * w->stride_w - w->pad_left;
        for (int32_t i = 0; i < w->kernel_h * w->dilation_h; i += w->dilation_h) {
            for (int32_t j = 0; j < w->kernel_w * w->dilation_w; j += w->dilation_w) {
                to = tk_pair_words_v6m(tk_tap_v6m(input, outside, p_top + i, p_left + j, w),
                                       tk_tap_v6m(input, outside, q_top + i, q_left + j, w), w->in_c, to);
            }
        }
    }
    tk_zero_v6m(to, -(w->kernel_h * w->kernel_w * w->in_c) & 3);
}

/* Add the sums' halves to those of both pixels, and let them begin anew. */
static TK_NOINLINE TK_UNUSED void tk_split_v6m(uint32_t *sums, int32_t count, uint32_t *p, uint32_t *q) {
    TK_ROLLED for (int32_t i = 0; i < count; ++i) {
        p[i] += sums[i] & 0xFFFFu;
        q[i] += sums[i] >> 16;
        sums[i] = 0;
    }
}

/* As tk_conv2d_t2, two pixels at a time by tables of four columns: see tk_fully_connected_t2_v6m. A half holds the sums
 * of 128 columns. `scratch` holds four tables, a word for each column, rounded up to 4, three for each channel and one
 * more, rounded up to 2, then in_c bytes and out_c bytes. */
TK_KERNEL void tk_conv2d_t2_v6m(const int8_t *input, int32_t zero_point, const uint8_t *codes,
                                const tk_finish_v6m *finish, int32_t double_rounding, uint32_t *scratch,
                                int8_t *output, const tk_window *window) {
    const int32_t depth = window->kernel_h * window->kernel_w * window->in_c, padded = (depth + 3) & ~3;
    const int32_t channels = window->out_c, lines = (channels + 2) & ~1;
    const int32_t pixels = window->out_h * window->out_w;
    uint32_t *const words = scratch + 4 * TK_TABLE_V6M, *const sums = words + padded;
    uint32_t *const both[2] = {sums + lines, sums + 2 * lines};
    int8_t *const outside = (int8_t *)(sums + 3 * lines), *const spare = outside + window->in_c;
    tk_fill_s8(outside, zero_point, window->in_c);
    tk_zero_v6m(sums, lines);
    for (int32_t pixel = 0; pixel < pixels; pixel += 2, output += 2 * channels) {
        const int32_t pair = pixel + 1 < pixels;
        tk_gather_words_v6m(input, pixel, pixel + pair, outside, words, window);
        tk_zero_v6m(both[0], 2 * lines);
        const uint8_t *code = codes;
        for (int32_t k = 0; k < padded; k += 128) {
            code = tk_ternary_sums_v6m(words + k, tk_min(128, padded - k) / 4, code, scratch, sums, lines);
            tk_split_v6m(sums, lines, both[0], both[1]);
        }
        for (int32_t i = 0; i < 2; ++i) {
            const int32_t *const from = (const int32_t *)both[i];
            int8_t *const to = i == 0 ? output : pair ? output + channels : spare;
            tk_sums_v6m s = {*finish, from, from + channels, from[channels], to};
            (double_rounding ? tk_finish_sums_twice_v6m : tk_finish_sums_once_v6m)(&s);
        }
    }
}

#endif
