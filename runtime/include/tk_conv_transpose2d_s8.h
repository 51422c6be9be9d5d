/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV_TRANSPOSE2D_S8_H
#define TK_CONV_TRANSPOSE2D_S8_H

#include "tk_transposed.h"

/* 2-d transposed convolution: weight (out_c, kernel_h, kernel_w, in_c), bias (out_c). The zero point is subtracted from
 * every value, as an output reads some of the taps only. */
TK_KERNEL void tk_conv_transpose2d_s8(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                      const int32_t *bias, const tk_requant_s8 *requant, int8_t *output,
                                      const tk_window *s) {
    for (int32_t y = 0; y < s->out_h; ++y) {
        for (int32_t x = 0; x < s->out_w; ++x) {
            const int8_t *w = weight;
            for (int32_t o = 0; o < s->out_c; ++o) {
                int32_t acc = bias[o];
                for (int32_t i = 0; i < s->kernel_h; ++i) {
                    const int32_t row = tk_source(y + s->pad_top - i * s->dilation_h, s->stride_h, s->in_h);
                    for (int32_t j = 0; j < s->kernel_w; ++j, w += s->in_c) {
                        const int32_t col =
                            tk_source(x + s->pad_left - j * s->dilation_w, s->stride_w, s->in_w);
                        if (row < 0 || col < 0) continue;
                        const int8_t *pixel = input + (row * s->in_w + col) * s->in_c;
                        for (int32_t c = 0; c < s->in_c; ++c) acc += (pixel[c] - zero_point) * w[c];
                    }
                }
                *output++ = tk_requantize_s8(acc, o, requant);
            }
        }
    }
}

#endif
