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
    if (tk_cpu() & TK_CPU_AVX2) {
        tk_depthwise_s8_avx2(d, run, output);
        return;
    }
#endif
    tk_depthwise_s8_c(d, run, output);
#endif
}

/* What a row of outputs sees, in lanes: kernel_h rows of `width` places, each as the output channels see it and rounded
 * up to 8; `zero_point` where the input ends. */
typedef struct {
    int32_t width, stride;
} tk_band;

TK_INLINE int8_t *tk_copy_places(const int8_t *from, int32_t places, int8_t *to, int32_t stride,
                                 const tk_window *w) {
    if (w->in_c == stride && w->out_c == stride) return tk_copy_simd(to, from, places * stride);
    const int32_t multiplier = w->out_c / w->in_c;
    for (; places > 0; --places, from += w->in_c, to += stride) {
        if (multiplier == 1) {
            tk_copy_simd(to, from, w->in_c);
            continue;
        }
        int8_t *copy = to;
        for (int32_t c = 0; c < w->in_c; ++c) copy = tk_fill_simd(copy, from[c], multiplier);
    }
    return to;
}

TK_INLINE void tk_copy_band(const int8_t *input, int32_t top, int32_t zero_point, int8_t *to,
                            const tk_band *band, const tk_window *w) {
    const int32_t before = tk_min(w->pad_left, band->width);
    const int32_t inside = tk_min(w->in_w, band->width - before);
    const int32_t behind = band->width - before - inside;
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        const int32_t row = top + i * w->dilation_h;
        if (row < 0 || row >= w->in_h) {
            to = tk_fill_simd(to, zero_point, band->width * band->stride);
            continue;
        }
        to = tk_fill_simd(to, zero_point, before * band->stride);
        to = tk_copy_places(input + row * w->in_w * w->in_c, inside, to, band->stride, w);
        to = tk_fill_simd(to, zero_point, behind * band->stride);
    }
}

/* As tk_depthwise_conv2d_s8, eight channels of four pixels at a time, with the constants of tk_depthwise_s8. Without
 * padding, and with channels in whole eights, the input is read where it lies; else `scratch` holds a band: kernel_h
 * rows of (out_w - 1) * stride_w + (kernel_w - 1) * dilation_w + 1 places, channels rounded up to 8. */
TK_KERNEL void tk_depthwise_conv2d_s8_simd(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                           const int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                                           int8_t *output, const tk_window *window) {
    const tk_window *const w = window;
    const int32_t taps = w->kernel_h * w->kernel_w;
    const tk_depthwise_s8 layer = {weight, bias, requant, (taps + 1) & ~1, w->out_c};
    const int32_t extent_h = (w->kernel_h - 1) * w->dilation_h, extent_w = (w->kernel_w - 1) * w->dilation_w;
    const tk_band band = {(w->out_w - 1) * w->stride_w + extent_w + 1, (w->out_c + 7) & ~7};
    const int direct = w->in_c == band.stride && w->out_c == w->in_c && w->pad_left == 0 && w->pad_top == 0 &&
                       band.width <= w->in_w && (w->out_h - 1) * w->stride_h + extent_h < w->in_h;
    const int32_t row_bytes = direct ? w->dilation_h * w->in_w * w->in_c : band.width * band.stride;
    int32_t offset[TK_DEPTHWISE_TAPS];
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        for (int32_t j = 0; j < w->kernel_w; ++j) {
            offset[i * w->kernel_w + j] = i * row_bytes + j * w->dilation_w * band.stride;
        }
    }
    if (taps & 1) offset[taps] = 0; /* any place: its weight is 0 */
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        if (!direct) tk_copy_band(input, top, zero_point, scratch, &band, w);
        const int8_t *const first = direct ? input + top * w->in_w * w->in_c : scratch;
        const tk_depthwise_run run = {first, offset, w->stride_w * band.stride, w->out_w};
        tk_depthwise_s8_simd(&layer, &run, output);
        output += w->out_w * w->out_c;
    }
}

#endif
