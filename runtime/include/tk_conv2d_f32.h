/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_F32_H
#define TK_CONV2D_F32_H

#include "tk_bounds_f32.h"
#include "tk_half.h"
#include "tk_window.h"

enum { TK_CONV2D_TILE = 4 }; /* output channels that share the loads of the input */

/* Add to `count` output channels' sums what `step` input channels from number `pixel` on give, one after the other. */
TK_INLINE void tk_conv2d_step(const void *input, int32_t pixel, const void *weight, int32_t tap,
                              int32_t filter, int32_t bytes, float *sum, int32_t count, int32_t step) {
    float value[2], own[2];
    tk_reals_at(input, pixel, bytes, value, step);
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) {
        tk_reals_at(weight, tap + k * filter, bytes, own, step);
        TK_UNROLLED
        for (int32_t i = 0; i < step; ++i) sum[k] += value[i] * own[i];
    }
}

/* `count` output channels of the pixel whose window begins at (top, left): `input` begins with their group's channels,
 * `weight` and `bias` with theirs. */
TK_INLINE void tk_conv2d_tile_real(const void *input, const void *weight, const float *bias, float low,
                                   float high, void *output, int32_t at, int32_t top, int32_t left,
                                   const tk_window *w, int32_t group_in, int32_t bytes, int32_t out_bytes,
                                   int32_t count) {
    const tk_reach rows = tk_reach_of(top, w->dilation_h, w->in_h, w->kernel_h);
    const tk_reach columns = tk_reach_of(left, w->dilation_w, w->in_w, w->kernel_w);
    const int32_t filter = w->kernel_h * w->kernel_w * group_in;
    float sum[TK_CONV2D_TILE];
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) sum[k] = bias[k];
    for (int32_t i = rows.begin; i < rows.end; ++i) {
        for (int32_t j = columns.begin; j < columns.end; ++j) {
            const int32_t pixel = ((top + i * w->dilation_h) * w->in_w + left + j * w->dilation_w) * w->in_c;
            const int32_t tap = (i * w->kernel_w + j) * group_in;
            int32_t c = 0;
            if (bytes == 2) {
                for (; c + 2 <= group_in; c += 2) {
                    tk_conv2d_step(input, pixel + c, weight, tap + c, filter, bytes, sum, count, 2);
                }
            }
            for (; c < group_in; ++c) {
                tk_conv2d_step(input, pixel + c, weight, tap + c, filter, bytes, sum, count, 1);
            }
        }
    }
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) {
        tk_put_real(output, at + k, out_bytes, tk_bounded_f32(sum[k], low, high));
    }
}

TK_INLINE void tk_conv2d_real(const void *input, const void *weight, const float *bias, float low, float high,
                              void *output, const tk_window *w, int32_t groups, int32_t bytes,
                              int32_t out_bytes) {
    int32_t at = 0; /* the pixel's first output */
    const int32_t group_in = w->in_c / groups, group_out = w->out_c / groups;
    const int32_t filter = w->kernel_h * w->kernel_w * group_in;
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        for (int32_t x = 0; x < w->out_w; ++x, at += w->out_c) {
            const int32_t left = x * w->stride_w - w->pad_left;
            for (int32_t g = 0; g < groups; ++g) {
                int32_t o = g * group_out;
                for (; o + TK_CONV2D_TILE <= (g + 1) * group_out; o += TK_CONV2D_TILE) {
                    tk_conv2d_tile_real(tk_real_from(input, g * group_in, bytes),
                                        tk_real_from(weight, o * filter, bytes), bias + o, low, high, output,
                                        at + o, top, left, w, group_in, bytes, out_bytes, TK_CONV2D_TILE);
                }
                for (; o < (g + 1) * group_out; ++o) {
                    tk_conv2d_tile_real(tk_real_from(input, g * group_in, bytes),
                                        tk_real_from(weight, o * filter, bytes), bias + o, low, high, output,
                                        at + o, top, left, w, group_in, bytes, out_bytes, 1);
                }
            }
        }
    }
}

/* 2-d convolution in float32, in `groups` of channels: weight (out_c, kernel_h, kernel_w, in_c / groups), bias (out_c),
 * output clamped to low..high. Pixels are made in order, so the output may lie below the input by what
 * toolkit.ops.window computes. */
TK_KERNEL void tk_conv2d_f32(const float *input, const float *weight, const float *bias, float low,
                             float high, float *output, const tk_window *w, int32_t groups) {
    tk_conv2d_real(input, weight, bias, low, high, output, w, groups, 4, 4);
}

/* The same of halves, summed in float32; the output has `out_bytes` a value: halves or floats. */
TK_KERNEL void tk_conv2d_f16(const uint16_t *input, const uint16_t *weight, const float *bias, float low,
                             float high, void *output, const tk_window *w, int32_t groups,
                             int32_t out_bytes) {
    tk_conv2d_real(input, weight, bias, low, high, output, w, groups, 2, out_bytes);
}

#endif
