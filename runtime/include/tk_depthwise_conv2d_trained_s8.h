/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_TRAINED_S8_H
#define TK_DEPTHWISE_CONV2D_TRAINED_S8_H

#include "tk_depthwise_conv2d_s8.h"
#include "tk_fold_bias.h"

/* As tk_depthwise_conv2d_s8, with biases and weights (out_c, kernel_h, kernel_w) that other steps have made: the
 * input's zero point is folded in here, and the weights are turned to (kernel_h, kernel_w, out_c). `scratch` holds
 * out_c sums, the turned weights, and then what tk_depthwise_conv2d_s8 wants. */
TK_KERNEL void tk_depthwise_conv2d_trained_s8(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                              const int32_t *bias, const tk_requant_s8 *requant,
                                              int32_t *scratch, int8_t *output, const tk_window *window) {
    const int32_t taps = window->kernel_h * window->kernel_w, channels = window->out_c;
    int8_t *const turned = (int8_t *)(scratch + channels);
    tk_fold_bias_s8(weight, bias, zero_point, scratch, channels, taps);
    for (int32_t o = 0; o < channels; ++o) {
        for (int32_t t = 0; t < taps; ++t) turned[t * channels + o] = weight[o * taps + t];
    }
    tk_depthwise_conv2d_s8(input, zero_point, turned, scratch, requant, turned + channels * taps, output,
                           window);
}

#endif
