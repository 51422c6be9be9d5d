/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_WEIGHT_GRADIENT_F32_H
#define TK_CONV2D_WEIGHT_GRADIENT_F32_H

#include "tk_gradient_f32.h"

enum { TK_WEIGHT_GRADIENT_TILE = 4 }; /* output channels, and input channels, whose sums lie in registers */

/* Tap (i, j) of `outs` output channels and `ins` input channels: `gradient` and `input` begin with those channels, `output`
 * with the first weight's gradient, `weight` with that weight. */
TK_INLINE void tk_weight_gradient_tile_f32(const float *input, const float *gradient, int32_t i, int32_t j,
                                           const tk_window *w, int32_t filter, const float *weight,
                                           const float *rate, float *output, int32_t outs, int32_t ins) {
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
        const float *from = gradient + (y * w->out_w + columns.begin) * w->out_c;
        const float *pixel =
            input + ((top + y * w->stride_h) * w->in_w + left + columns.begin * w->stride_w) * w->in_c;
        for (int32_t x = columns.begin; x < columns.end; ++x) {
            TK_UNROLLED
            for (int32_t o = 0; o < outs; ++o) {
                TK_UNROLLED
                for (int32_t c = 0; c < ins; ++c) sum[o][c] += from[o] * pixel[c];
            }
            from += w->out_c;
            pixel += w->stride_w * w->in_c;
        }
    }
    TK_UNROLLED
    for (int32_t o = 0; o < outs; ++o) {
        TK_UNROLLED
        for (int32_t c = 0; c < ins; ++c) {
            output[o * filter + c] = tk_stepped(weight, rate, o * filter + c, sum[o][c]);
        }
    }
}

/* The gradient by the weight (out_c, kernel_h, kernel_w, in_c / groups) of a 2-d convolution, from its input and `gradient`
 * by its output. Sums are taken over the output's pixels, row by row. With a `rate` the output is the weight after a step
 * down the gradient, and may lie where `weight` does; else both are NULL. */
TK_KERNEL void tk_conv2d_weight_gradient_f32(const float *input, const float *gradient, const float *weight,
                                             const float *rate, float *output, const tk_window *w,
                                             int32_t groups) {
    const int32_t group_in = w->in_c / groups, group_out = w->out_c / groups, tile = TK_WEIGHT_GRADIENT_TILE;
    const int32_t taps = w->kernel_h * w->kernel_w, filter = taps * group_in;
    int32_t done = 0; /* weights */
    for (int32_t g = 0; g < groups; ++g, input += group_in) {
        int32_t o = 0;
        for (; o + tile <= group_out; o += tile, gradient += tile, done += tile * filter) {
            for (int32_t t = 0; t < taps; ++t) {
                const int32_t i = t / w->kernel_w, j = t % w->kernel_w;
                const int32_t at = done + t * group_in;
                int32_t c = 0;
                for (; c + tile <= group_in; c += tile) {
                    tk_weight_gradient_tile_f32(input + c, gradient, i, j, w, filter,
                                                rate != 0 ? weight + at + c : 0, rate, output + at + c,
                                                TK_WEIGHT_GRADIENT_TILE, TK_WEIGHT_GRADIENT_TILE);
                }
                for (; c < group_in; ++c) {
                    tk_weight_gradient_tile_f32(input + c, gradient, i, j, w, filter,
                                                rate != 0 ? weight + at + c : 0, rate, output + at + c,
                                                TK_WEIGHT_GRADIENT_TILE, 1);
                }
            }
        }
        for (; o < group_out; ++o, ++gradient, done += filter) {
            for (int32_t t = 0; t < taps; ++t) {
                for (int32_t c = 0; c < group_in; ++c) {
                    const int32_t at = done + t * group_in + c;
                    tk_weight_gradient_tile_f32(input + c, gradient, t / w->kernel_w, t % w->kernel_w, w,
                                                filter, rate != 0 ? weight + at : 0, rate, output + at, 1, 1);
                }
            }
        }
    }
}

#endif
