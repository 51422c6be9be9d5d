/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_S8_SIMD_H
#define TK_DEPTHWISE_CONV2D_S8_SIMD_H

#include "tk_depthwise_s8_avx2.h"
#include "tk_depthwise_s8_neon.h"
#include "tk_window.h"

#define TK_DEPTHWISE_TAPS 64 /* the largest kernel, kernel_h * kernel_w */

TK_INLINE void tk_depthwise_s8_simd(const tk_depthwise_s8 *d, const tk_depthwise_run *run, int8_t *output) {
#if defined(TK_HAS_NEON)
    tk_depthwise_s8_neon(d, run, output);
#else
#ifdef TK_HAS_AVX2
    if (tk_use_avx2()) {
        tk_depthwise_s8_avx2(d, run, output);
        return;
    }
#endif
    tk_depthwise_s8_c(d, run, output);
#endif
}

/* Copy the window at (top, left) to `to`, (kernel_h, kernel_w, stride): each place as all output channels see it,
 * `zero_point` outside the input and behind the channels. */
TK_INLINE void tk_gather_taps_s8(const int8_t *input, int32_t top, int32_t left, int32_t zero_point,
                                 int8_t *to, int32_t stride, const tk_window *w) {
    const int32_t multiplier = w->out_c / w->in_c;
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        for (int32_t j = 0; j < w->kernel_w; ++j, to += stride) {
            const tk_taps tap = tk_one_tap(input, top, left, i, j, w);
            if (!tap.inside) {
                tk_fill_s8(to, zero_point, stride);
            } else if (multiplier == 1) {
                for (int32_t c = 0; c < w->in_c; ++c) to[c] = tap.from[c];
                tk_fill_s8(to + w->in_c, zero_point, stride - w->in_c);
            } else {
                int8_t *copy = to;
                for (int32_t c = 0; c < w->in_c; ++c) copy = tk_fill_s8(copy, tap.from[c], multiplier);
                tk_fill_s8(copy, zero_point, stride - w->out_c);
            }
        }
    }
}

/* As tk_depthwise_conv2d_s8, eight channels of up to four pixels at a time, with the constants of tk_depthwise_s8.
 * Windows that hang over an edge are gathered, all of them where channels come in no multiple of 8 or are multiplied;
 * `scratch` holds one: kernel_h * kernel_w * out_c rounded up to 8. */
TK_KERNEL void tk_depthwise_conv2d_s8_simd(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                           const int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                                           int8_t *output, const tk_window *window) {
    const tk_window *const w = window;
    const int32_t taps = w->kernel_h * w->kernel_w, stride = (w->out_c + 7) & ~7;
    const tk_depthwise_s8 layer = {weight, bias, requant, (taps + 1) & ~1, w->out_c};
    int32_t in_place[TK_DEPTHWISE_TAPS], gathered[TK_DEPTHWISE_TAPS];
    for (int32_t t = 0; t < layer.taps; ++t) {
        const int32_t tap = tk_min(t, taps - 1); /* an odd one is read twice, with weight 0 */
        const int32_t row = tap / w->kernel_w * w->dilation_h, col = tap % w->kernel_w * w->dilation_w;
        in_place[t] = (row * w->in_w + col) * w->in_c;
        gathered[t] = tap * stride;
    }
    /* columns begin .. end - 1 have windows that lie inside from left to right */
    const int32_t room_h = w->in_h - (w->kernel_h - 1) * w->dilation_h;
    const int32_t room_w = w->in_w - (w->kernel_w - 1) * w->dilation_w;
    const int32_t begin = tk_min((w->pad_left + w->stride_w - 1) / w->stride_w, w->out_w);
    int32_t end = room_w + w->pad_left > 0 ? (room_w - 1 + w->pad_left) / w->stride_w + 1 : 0;
    end = tk_clamp(end, begin, w->out_w);
    const int in_lanes = w->in_c == stride && w->out_c == w->in_c;
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        const int whole = in_lanes && top >= 0 && top < room_h;
        for (int32_t x = 0; x < w->out_w;) {
            const int32_t left = x * w->stride_w - w->pad_left;
            tk_depthwise_run run = {scratch, gathered, 0, 1};
            if (whole && x == begin && end > begin) {
                run.first = input + (top * w->in_w + left) * w->in_c;
                run.offset = in_place;
                run.step = w->stride_w * w->in_c;
                run.pixels = end - begin;
            } else {
                tk_gather_taps_s8(input, top, left, zero_point, scratch, stride, w);
            }
            tk_depthwise_s8_simd(&layer, &run, output);
            x += run.pixels;
            output += run.pixels * w->out_c;
        }
    }
}

#endif
