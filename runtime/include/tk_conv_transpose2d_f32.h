/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV_TRANSPOSE2D_F32_H
#define TK_CONV_TRANSPOSE2D_F32_H

#include "tk_bounds_f32.h"
#include "tk_transposed.h"

/* 2-d transposed convolution: weight (out_c, kernel_h, kernel_w, in_c), output kept within low..high. */
TK_KERNEL void tk_conv_transpose2d_f32(const float *input, const float *weight, const float *bias, float low,
                                       float high, float *output, const tk_window *s) {
    TK_TRANSPOSED(float, float, p *q, tk_bounded_f32(acc, low, high));
}

#endif
