/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_WIDE_H
#define TK_DEPTHWISE_CONV2D_WIDE_H

#include "tk_depthwise_sums.h"
#include "tk_requant_wide.h"

/* As tk_depthwise_conv2d_s8, with an output in int16: `start` holds what the input's zero point adds. */
TK_KERNEL void tk_depthwise_conv2d_wide(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                        const int32_t *start, const tk_requant_wide *requant, int8_t *scratch,
                                        int16_t *output, const tk_window *window) {
    TK_DEPTHWISE_CONV2D(start, tk_finish_wide)
}

#endif
