/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RELU_F32_H
#define TK_RELU_F32_H

#include "tk_bounds_f32.h"

/* output[i] = clamp(input[i], low, high). `output` may be `input`. */
TK_KERNEL void tk_relu_f32(const float *input, float low, float high, float *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) output[i] = tk_bounded_f32(input[i], low, high);
}

#endif
