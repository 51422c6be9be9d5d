/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_ANY_S8_DSP_H
#define TK_DEPTHWISE_ANY_S8_DSP_H

#include "tk_depthwise_strips_dsp.h"

/* As tk_depthwise_conv2d_s8, of at least four input channels and kernels up to 15 columns wide without dilation along
 * them: tk_depthwise_strips_dsp.h says how, and what `layer` and `scratch` hold. */
TK_KERNEL void tk_depthwise_any_s8_dsp(const int8_t *input, int32_t zero_point,
                                       const tk_depthwise_layer *layer, const tk_requant_s8 *requant,
                                       int16_t *scratch, int8_t *output, const tk_window *window) {
    tk_depthwise_strips_dsp(input, zero_point, layer, requant, scratch, output, window);
}

#endif
