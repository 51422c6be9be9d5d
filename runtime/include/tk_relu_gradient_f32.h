/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RELU_GRADIENT_F32_H
#define TK_RELU_GRADIENT_F32_H

#include "tk_bounds_f32.h"

/* output[i] is gradient[i] where low < x[i] < high, else 0. `output` may be `gradient` or `x`. */
TK_KERNEL void tk_relu_gradient_f32(const float *gradient, const float *x, float low, float high,
                                    float *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) {
        output[i] = x[i] > low && (high >= TK_LARGEST_F32 || x[i] < high) ? gradient[i] : 0.0f;
    }
}

#endif
