/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_F32_H
#define TK_CONV2D_F32_H

#include "tk_bounds_f32.h"
#include "tk_window.h"

enum { TK_CONV2D_TILE = 4 }; /* output channels that share the loads of the input */

/* `count` output channels of the pixel whose window begins at (top, left): `input` begins with their group's channels,
 * `weight` and `bias` with theirs. */
TK_INLINE void tk_conv2d_tile_f32(const float *input, const float *weight, const float *bias, float low,
                                  float high, float *output, int32_t top, int32_t left, const tk_window *w,
                                  int32_t group_in, int32_t count) {
    const tk_reach rows = tk_reach_of(top, w->dilation_h, w->in_h, w->kernel_h);
    const tk_reach columns = tk_reach_of(left, w->dilation_w, w->in_w, w->kernel_w);
    const int32_t filter = w->kernel_h * w->kernel_w * group_in;
    float sum[TK_CONV2D_TILE];
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) sum[k] = bias[k];
    for (int32_t i = rows.begin; i < rows.end; ++i) {
        for (int32_t j = columns.begin; j < columns.end; ++j) {
            const float *pixel =
                input + ((top + i * w->dilation_h) * w->in_w + left + j * w->dilation_w) * w->in_c;
            const float *tap = weight + (i * w->kernel_w + j) * group_in;
            for (int32_t c = 0; c < group_in; ++c) {
                const float value = pixel[c];
                TK_UNROLLED
                for (int32_t k = 0; k < count; ++k) sum[k] += value * tap[k * filter + c];
            }
        }
    }
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) output[k] = tk_bounded_f32(sum[k], low, high);
}

/* 2-d convolution in float32, in `groups` of channels: weight (out_c, kernel_h, kernel_w, in_c / groups), bias (out_c),
 * output clamped to low..high. Pixels are made in order, so the output may lie below the input by what
 * toolkit.ops.window computes. */
TK_KERNEL void tk_conv2d_f32(const float *input, const float *weight, const float *bias, float low,
                             float high, float *output, const tk_window *w, int32_t groups) {
    const int32_t group_in = w->in_c / groups, group_out = w->out_c / groups;
    const int32_t filter = w->kernel_h * w->kernel_w * group_in;
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        for (int32_t x = 0; x < w->out_w; ++x, output += w->out_c) {
            const int32_t left = x * w->stride_w - w->pad_left;
            for (int32_t g = 0; g < groups; ++g) {
                int32_t o = g * group_out;
                for (; o + TK_CONV2D_TILE <= (g + 1) * group_out; o += TK_CONV2D_TILE) {
                    tk_conv2d_tile_f32(input + g * group_in, weight + o * filter, bias + o, low, high,
                                       output + o, top, left, w, group_in, TK_CONV2D_TILE);
                }
                for (; o < (g + 1) * group_out; ++o) {
                    tk_conv2d_tile_f32(input + g * group_in, weight + o * filter, bias + o, low, high,
                                       output + o, top, left, w, group_in, 1);
                }
            }
        }
    }
}

#endif
