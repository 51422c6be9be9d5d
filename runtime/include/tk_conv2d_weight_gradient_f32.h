/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_WEIGHT_GRADIENT_F32_H
#define TK_CONV2D_WEIGHT_GRADIENT_F32_H

#include "tk_gradient_f32.h"

enum { TK_WEIGHT_GRADIENT_TILE = 4 }; /* output channels, and input channels, whose sums lie in registers */

/* Tap (i, j) of `outs` output channels from number `to` on and `ins` input channels from number `of` on; the first weight is
 * number `at`. */
TK_INLINE void tk_weight_gradient_tile_real(const void *input, int32_t of, const void *gradient, int32_t to,
                                            int32_t i, int32_t j, const tk_window *w, int32_t filter,
                                            const void *weight, const float *rate, void *output, int32_t at,
                                            int32_t bytes, int32_t out_bytes, int32_t outs, int32_t ins) {
    const int32_t top = i * w->dilation_h - w->pad_top, left = j * w->dilation_w - w->pad_left;
    const tk_reach rows = tk_reach_of(top, w->stride_h, w->in_h, w->out_h);
    const tk_reach columns = tk_reach_of(left, w->stride_w, w->in_w, w->out_w);
    float sum[TK_WEIGHT_GRADIENT_TILE][TK_WEIGHT_GRADIENT_TILE];
    TK_UNROLLED
    for (int32_t o = 0; o < outs; ++o) {
        TK_UNROLLED
        for (int32_t c = 0; c < ins; ++c) sum[o][c] = 0.0f;
    }
    for (int32_t y = rows.begin; y < rows.end; ++y) {
        int32_t from = (y * w->out_w + columns.begin) * w->out_c + to;
        int32_t pixel =
            ((top + y * w->stride_h) * w->in_w + left + columns.begin * w->stride_w) * w->in_c + of;
        for (int32_t x = columns.begin; x < columns.end; ++x) {
            float given[TK_WEIGHT_GRADIENT_TILE], values[TK_WEIGHT_GRADIENT_TILE];
            tk_reals_at(gradient, from, bytes, given, outs);
            tk_reals_at(input, pixel, bytes, values, ins);
            TK_UNROLLED
            for (int32_t o = 0; o < outs; ++o) {
                TK_UNROLLED
                for (int32_t c = 0; c < ins; ++c) sum[o][c] += given[o] * values[c];
            }
            from += w->out_c;
            pixel += w->stride_w * w->in_c;
        }
    }
    TK_UNROLLED
    for (int32_t o = 0; o < outs; ++o) {
        TK_UNROLLED
        for (int32_t c = 0; c < ins; ++c) {
            tk_put_stepped(output, weight, rate, at + o * filter + c, out_bytes, sum[o][c]);
        }
    }
}

TK_INLINE void tk_conv2d_weight_gradient_real(const void *input, const void *gradient, const void *weight,
                                              const float *rate, void *output, const tk_window *w,
                                              int32_t groups, int32_t bytes, int32_t out_bytes) {
    const int32_t group_in = w->in_c / groups, group_out = w->out_c / groups, tile = TK_WEIGHT_GRADIENT_TILE;
    const int32_t taps = w->kernel_h * w->kernel_w, filter = taps * group_in;
    for (int32_t g = 0; g < groups; ++g) {
        const int32_t of = g * group_in, to = g * group_out;
        int32_t o = 0;
        for (; o + tile <= group_out; o += tile) {
            for (int32_t t = 0; t < taps; ++t) {
                const int32_t i = t / w->kernel_w, j = t % w->kernel_w;
                const int32_t at = (to + o) * filter + t * group_in;
                int32_t c = 0;
                for (; c + tile <= group_in; c += tile) {
                    tk_weight_gradient_tile_real(input, of + c, gradient, to + o, i, j, w, filter, weight,
                                                 rate, output, at + c, bytes, out_bytes,
                                                 TK_WEIGHT_GRADIENT_TILE, TK_WEIGHT_GRADIENT_TILE);
                }
                for (; c < group_in; ++c) {
                    tk_weight_gradient_tile_real(input, of + c, gradient, to + o, i, j, w, filter, weight,
                                                 rate, output, at + c, bytes, out_bytes,
                                                 TK_WEIGHT_GRADIENT_TILE, 1);
                }
            }
        }
        for (; o < group_out; ++o) {
            for (int32_t t = 0; t < taps; ++t) {
                for (int32_t c = 0; c < group_in; ++c) {
                    const int32_t at = (to + o) * filter + t * group_in + c;
                    tk_weight_gradient_tile_real(input, of + c, gradient, to + o, t / w->kernel_w,
                                                 t % w->kernel_w, w, filter, weight, rate, output, at, bytes,
                                                 out_bytes, 1, 1);
                }
            }
        }
    }
}

/* The gradient by the weight (out_c, kernel_h, kernel_w, in_c / groups) of a 2-d convolution, from its input and `gradient`
 * by its output. Sums are taken over the output's pixels, row by row. With a `rate` the output is the weight after a step
 * down the gradient, and may lie where `weight` does; else both are NULL. */
TK_KERNEL void tk_conv2d_weight_gradient_f32(const float *input, const float *gradient, const float *weight,
                                             const float *rate, float *output, const tk_window *w,
                                             int32_t groups) {
    tk_conv2d_weight_gradient_real(input, gradient, weight, rate, output, w, groups, 4, 4);
}

/* The same of halves, summed in float32; weight and output have `out_bytes` a value: halves or floats. */
TK_KERNEL void tk_conv2d_weight_gradient_f16(const uint16_t *input, const uint16_t *gradient,
                                             const void *weight, const float *rate, void *output,
                                             const tk_window *w, int32_t groups, int32_t out_bytes) {
    tk_conv2d_weight_gradient_real(input, gradient, weight, rate, output, w, groups, 2, out_bytes);
}

#endif
