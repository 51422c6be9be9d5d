/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_F32_H
#define TK_DEPTHWISE_CONV2D_F32_H

#include "tk_window.h"

/* Depthwise 2-d convolution: output channel o sees input channel o / (out_c / in_c). Its weights lie `channel_stride`
 * apart from the next channel's, and `tap_stride` from the next tap's; bias (out_c), output clamped to low..high.
 * Pixels are made in order, so the output may lie below the input by what toolkit.ops.window computes. */
TK_KERNEL void tk_depthwise_conv2d_f32(const float *input, const float *weight, const float *bias, float low,
                                       float high, float *output, const tk_window *window,
                                       int32_t channel_stride, int32_t tap_stride) {
    const int32_t multiplier = window->out_c / window->in_c;
    const int32_t extent_h = (window->kernel_h - 1) * window->dilation_h;
    const int32_t extent_w = (window->kernel_w - 1) * window->dilation_w;
    for (int32_t y = 0; y < window->out_h; ++y) {
        const int32_t row = y * window->stride_h - window->pad_top;
        for (int32_t x = 0; x < window->out_w; ++x) {
            const int32_t col = x * window->stride_w - window->pad_left;
            const int32_t corner =
                (row * window->in_w + col) * window->in_c; /* before the input at its edges */
            const int whole =
                row >= 0 && row + extent_h < window->in_h && col >= 0 && col + extent_w < window->in_w;
            for (int32_t o = 0; o < window->out_c; ++o) {
                const int32_t pixel = corner + o / multiplier;
                const float *w = weight + o * channel_stride;
                float acc = bias[o];
                if (whole) {
                    for (int32_t i = 0; i < window->kernel_h; ++i) {
                        for (int32_t j = 0; j < window->kernel_w; ++j, w += tap_stride) {
                            const int32_t r = i * window->dilation_h, c = j * window->dilation_w;
                            acc += input[pixel + (r * window->in_w + c) * window->in_c] * *w;
                        }
                    }
                } else {
                    for (int32_t i = 0; i < window->kernel_h; ++i) {
                        for (int32_t j = 0; j < window->kernel_w; ++j, w += tap_stride) {
                            const int32_t r = i * window->dilation_h, c = j * window->dilation_w;
                            if (row + r >= 0 && row + r < window->in_h && col + c >= 0 &&
                                col + c < window->in_w) {
                                acc += input[pixel + (r * window->in_w + c) * window->in_c] * *w;
                            }
                        }
                    }
                }
                *output++ = acc < low ? low : acc > high ? high : acc;
            }
        }
    }
}

#endif
