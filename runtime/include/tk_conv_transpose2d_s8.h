/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV_TRANSPOSE2D_S8_H
#define TK_CONV_TRANSPOSE2D_S8_H

#include "tk_transposed.h"

/* 2-d transposed convolution: weight (out_c, kernel_h, kernel_w, in_c), bias (out_c). The zero point is subtracted from
 * every value, as an output reads some of the taps only. */
TK_KERNEL void tk_conv_transpose2d_s8(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                      const int32_t *bias, const tk_requant_s8 *requant, int8_t *output,
                                      const tk_window *s) {
    TK_TRANSPOSED(int8_t, int32_t, (p - zero_point) * q, tk_requantize_s8(acc, o, requant));
}

#endif
