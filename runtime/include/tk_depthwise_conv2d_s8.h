/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_S8_H
#define TK_DEPTHWISE_CONV2D_S8_H

#include "tk_depthwise_sums.h"

/* Depthwise 2-d convolution: output channel o sees input channel o / (out_c / in_c). weight (kernel_h, kernel_w,
 * out_c), bias (out_c) with the input's zero point folded in. `scratch` holds kernel_h * kernel_w * in_c bytes, or
 * nothing when no window reaches over the edge.
 * Pixels are made in order, so the output may lie below the input by what toolkit.ops.window computes. */
TK_KERNEL void tk_depthwise_conv2d_s8(const int8_t *input, int32_t zero_point, const TK_ROM int8_t *weight,
                                      const TK_ROM int32_t *bias, const tk_requant_s8 *requant,
                                      int8_t *scratch, int8_t *output, const tk_window *window) {
    TK_DEPTHWISE_CONV2D(bias, tk_requantize_s8)
}

#endif
