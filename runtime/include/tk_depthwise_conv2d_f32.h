/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_F32_H
#define TK_DEPTHWISE_CONV2D_F32_H

#include "tk_bounds_f32.h"
#include "tk_half.h"
#include "tk_window.h"

enum { TK_DEPTHWISE_CHANNELS = 4 }; /* whose sums lie in registers */

/* `count` output channels from `first` on, of the pixel whose window begins at (top, left). */
TK_INLINE void tk_depthwise_tile_real(const void *input, const void *weight, const float *bias, float low,
                                      float high, void *output, int32_t at, int32_t top, int32_t left,
                                      const tk_window *w, int32_t channel_stride, int32_t tap_stride,
                                      int32_t first, int32_t bytes, int32_t out_bytes, int32_t count) {
    const tk_reach rows = tk_reach_of(top, w->dilation_h, w->in_h, w->kernel_h);
    const tk_reach columns = tk_reach_of(left, w->dilation_w, w->in_w, w->kernel_w);
    const int32_t multiplier = w->out_c / w->in_c;
    float sum[TK_DEPTHWISE_CHANNELS];
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) sum[k] = bias[first + k];
    for (int32_t i = rows.begin; i < rows.end; ++i) {
        for (int32_t j = columns.begin; j < columns.end; ++j) {
            const int32_t pixel = ((top + i * w->dilation_h) * w->in_w + left + j * w->dilation_w) * w->in_c;
            const int32_t tap = first * channel_stride + (i * w->kernel_w + j) * tap_stride;
            TK_UNROLLED
            for (int32_t k = 0; k < count; ++k) {
                sum[k] += tk_real_at(input, pixel + (first + k) / multiplier, bytes) *
                          tk_real_at(weight, tap + k * channel_stride, bytes);
            }
        }
    }
    TK_UNROLLED
    for (int32_t k = 0; k < count; ++k) {
        tk_put_real(output, at + first + k, out_bytes, tk_bounded_f32(sum[k], low, high));
    }
}

TK_INLINE void tk_depthwise_conv2d_real(const void *input, const void *weight, const float *bias, float low,
                                        float high, void *output, const tk_window *w, int32_t channel_stride,
                                        int32_t tap_stride, int32_t bytes, int32_t out_bytes) {
    int32_t at = 0; /* the pixel's first output */
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        for (int32_t x = 0; x < w->out_w; ++x, at += w->out_c) {
            const int32_t left = x * w->stride_w - w->pad_left;
            int32_t o = 0;
            for (; o + TK_DEPTHWISE_CHANNELS <= w->out_c; o += TK_DEPTHWISE_CHANNELS) {
                tk_depthwise_tile_real(input, weight, bias, low, high, output, at, top, left, w,
                                       channel_stride, tap_stride, o, bytes, out_bytes,
                                       TK_DEPTHWISE_CHANNELS);
            }
            for (; o < w->out_c; ++o) {
                tk_depthwise_tile_real(input, weight, bias, low, high, output, at, top, left, w,
                                       channel_stride, tap_stride, o, bytes, out_bytes, 1);
            }
        }
    }
}

/* Depthwise 2-d convolution: output channel o sees input channel o / (out_c / in_c). Its weights lie `channel_stride`
 * apart from the next channel's, and `tap_stride` from the next tap's; bias (out_c), output clamped to low..high.
 * Pixels are made in order, so the output may lie below the input by what toolkit.ops.window computes. */
TK_KERNEL void tk_depthwise_conv2d_f32(const float *input, const float *weight, const float *bias, float low,
                                       float high, float *output, const tk_window *w, int32_t channel_stride,
                                       int32_t tap_stride) {
    tk_depthwise_conv2d_real(input, weight, bias, low, high, output, w, channel_stride, tap_stride, 4, 4);
}

/* The same of halves, summed in float32; the output has `out_bytes` a value: halves or floats. */
TK_KERNEL void tk_depthwise_conv2d_f16(const uint16_t *input, const uint16_t *weight, const float *bias,
                                       float low, float high, void *output, const tk_window *w,
                                       int32_t channel_stride, int32_t tap_stride, int32_t out_bytes) {
    tk_depthwise_conv2d_real(input, weight, bias, low, high, output, w, channel_stride, tap_stride, 2,
                             out_bytes);
}

#endif
