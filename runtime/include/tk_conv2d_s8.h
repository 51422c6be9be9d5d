/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_S8_H
#define TK_CONV2D_S8_H

#include "tk_conv2d_tiles.h"

/* 2-d convolution: weight (out_c, kernel_h, kernel_w, in_c),
 * bias (out_c) with the input's zero point folded in. `scratch` holds 2 * depth bytes, or nothing when pointwise.
 * Pixels are made in order, two at a time, so the output may lie below the input by what toolkit.ops.window computes. */
TK_KERNEL void tk_conv2d_s8(const int8_t *input, int32_t zero_point, const TK_ROM int8_t *weight,
                            const TK_ROM int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                            int8_t *output, const tk_window *window) {
    TK_CONV2D_TILES(bias, TK_MAKE_OUTPUTS(tk_requantize_s8), output += 2 * channels)
}

#endif
