/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_F32_H
#define TK_DEPTHWISE_CONV2D_F32_H

#include "tk_bounds_f32.h"
#include "tk_window.h"

enum { TK_DEPTHWISE_CHANNELS = 4 }; /* whose sums lie in registers */

/* `count` output channels from `first` on, of the pixel whose window begins at (top, left). */
TK_INLINE void tk_depthwise_tile_f32(const float *input, const float *weight, const float *bias, float low,
                                     float high, float *output, int32_t top, int32_t left, const tk_window *w,
                                     int32_t channel_stride, int32_t tap_stride, int32_t first,
                                     int32_t count) {
    const tk_reach rows = tk_reach_of(top, w->dilation_h, w->in_h, w->kernel_h);
    const tk_reach columns = tk_reach_of(left, w->dilation_w, w->in_w, w->kernel_w);
    const int32_t multiplier = w->out_c / w->in_c;
    float sum[TK_DEPTHWISE_CHANNELS];
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) sum[k] = bias[first + k];
    for (int32_t i = rows.begin; i < rows.end; ++i) {
        for (int32_t j = columns.begin; j < columns.end; ++j) {
            const float *pixel =
                input + ((top + i * w->dilation_h) * w->in_w + left + j * w->dilation_w) * w->in_c;
            const float *tap = weight + first * channel_stride + (i * w->kernel_w + j) * tap_stride;
            TK_UNROLLED
            for (int32_t k = 0; k < count; ++k) {
                sum[k] += pixel[(first + k) / multiplier] * tap[k * channel_stride];
            }
        }
    }
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) {
        output[first + k] = tk_bounded_f32(sum[k], low, high);
    }
}

/* Depthwise 2-d convolution: output channel o sees input channel o / (out_c / in_c). Its weights lie `channel_stride`
 * apart from the next channel's, and `tap_stride` from the next tap's; bias (out_c), output clamped to low..high.
 * Pixels are made in order, so the output may lie below the input by what toolkit.ops.window computes. */
TK_KERNEL void tk_depthwise_conv2d_f32(const float *input, const float *weight, const float *bias, float low,
                                       float high, float *output, const tk_window *w, int32_t channel_stride,
                                       int32_t tap_stride) {
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        for (int32_t x = 0; x < w->out_w; ++x, output += w->out_c) {
            const int32_t left = x * w->stride_w - w->pad_left;
            int32_t o = 0;
            for (; o + TK_DEPTHWISE_CHANNELS <= w->out_c; o += TK_DEPTHWISE_CHANNELS) {
                tk_depthwise_tile_f32(input, weight, bias, low, high, output, top, left, w, channel_stride,
                                      tap_stride, o, TK_DEPTHWISE_CHANNELS);
            }
            for (; o < w->out_c; ++o) {
                tk_depthwise_tile_f32(input, weight, bias, low, high, output, top, left, w, channel_stride,
                                      tap_stride, o, 1);
            }
        }
    }
}

#endif
