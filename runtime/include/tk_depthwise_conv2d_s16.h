/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_S16_H
#define TK_DEPTHWISE_CONV2D_S16_H

#include "tk_s16.h"
#include "tk_window.h"

/* Depthwise 2-d convolution of int16 activations with int8 weights (kernel_h, kernel_w, out_c): output channel o sees
 * input channel o / (out_c / in_c). */
TK_KERNEL void tk_depthwise_conv2d_s16(const int16_t *TK_RESTRICT input, const int8_t *TK_RESTRICT weight,
                                       const int32_t *TK_RESTRICT bias, const tk_requant_s16 *requant,
                                       int16_t *TK_RESTRICT output, const tk_window *w) {
    const int32_t multiplier = w->out_c / w->in_c;
    for (int32_t p = 0; p < w->out_h * w->out_w; ++p) {
        const int32_t top = p / w->out_w * w->stride_h - w->pad_top,
                      left = p % w->out_w * w->stride_w - w->pad_left;
        for (int32_t o = 0; o < w->out_c; ++o) {
            int64_t acc = bias[o];
            for (int32_t i = 0; i < w->kernel_h; ++i) {
                const int32_t row = top + i * w->dilation_h;
                for (int32_t j = 0; j < w->kernel_w; ++j) {
                    const int32_t col = left + j * w->dilation_w;
                    if (row < 0 || row >= w->in_h || col < 0 || col >= w->in_w) continue;
                    acc += (int32_t)input[(row * w->in_w + col) * w->in_c + o / multiplier] *
                           weight[(i * w->kernel_w + j) * w->out_c + o];
                }
            }
            *output++ = tk_requantize_s16(acc, o, requant);
        }
    }
}

#endif
