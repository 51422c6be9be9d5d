/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV_TRANSPOSE2D_F32_H
#define TK_CONV_TRANSPOSE2D_F32_H

#include "tk_transposed.h"

/* 2-d transposed convolution: weight (out_c, kernel_h, kernel_w, in_c), output kept within low..high. */
TK_KERNEL void tk_conv_transpose2d_f32(const float *input, const float *weight, const float *bias, float low,
                                       float high, float *output, const tk_window *s) {
    for (int32_t y = 0; y < s->out_h; ++y) {
        for (int32_t x = 0; x < s->out_w; ++x) {
            const float *w = weight;
            for (int32_t o = 0; o < s->out_c; ++o) {
                float acc = bias[o];
                for (int32_t i = 0; i < s->kernel_h; ++i) {
                    const int32_t row = tk_source(y + s->pad_top - i * s->dilation_h, s->stride_h, s->in_h);
                    for (int32_t j = 0; j < s->kernel_w; ++j, w += s->in_c) {
                        const int32_t col =
                            tk_source(x + s->pad_left - j * s->dilation_w, s->stride_w, s->in_w);
                        if (row < 0 || col < 0) continue;
                        const float *pixel = input + (row * s->in_w + col) * s->in_c;
                        for (int32_t c = 0; c < s->in_c; ++c) acc += pixel[c] * w[c];
                    }
                }
                *output++ = acc < low ? low : acc > high ? high : acc;
            }
        }
    }
}

#endif
