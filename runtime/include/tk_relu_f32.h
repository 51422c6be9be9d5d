/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RELU_F32_H
#define TK_RELU_F32_H

#include "tk_bounds_f32.h"
#include "tk_half.h"

/* output[i] = clamp(input[i], low, high). `output` may be `input`. */
TK_KERNEL void tk_relu_f32(const float *input, float low, float high, float *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) output[i] = tk_bounded_f32(input[i], low, high);
}

/* The same of halves, and of bounds that are. */
TK_KERNEL void tk_relu_f16(const uint16_t *input, float low, float high, uint16_t *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) {
        output[i] = tk_half_of_float(tk_bounded_f32(tk_float_of_half(input[i]), low, high));
    }
}

#endif
