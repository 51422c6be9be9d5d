/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_S8_DSP_H
#define TK_DEPTHWISE_CONV2D_S8_DSP_H

#include "tk_depthwise_strips_dsp.h"

/* As tk_depthwise_conv2d_s8, of 3 x 3 taps with stride 1 or 2, one output channel for each of at least four input
 * channels: tk_depthwise_strips_dsp.h says how, and what `layer` and `scratch` hold. */
TK_KERNEL void tk_depthwise_conv2d_s8_dsp(const int8_t *input, int32_t zero_point,
                                          const tk_depthwise_layer *layer, int16_t *scratch, int8_t *output,
                                          const tk_window *window) {
    tk_depthwise_strips_dsp(input, zero_point, layer, 0, scratch, output, window);
}

#endif
