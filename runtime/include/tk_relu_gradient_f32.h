/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RELU_GRADIENT_F32_H
#define TK_RELU_GRADIENT_F32_H

#include "tk_bounds_f32.h"
#include "tk_half.h"

TK_INLINE int tk_passes_gradient(float x, float low, float high) {
    return x > low && (high >= TK_LARGEST_F32 || x < high);
}

/* output[i] is gradient[i] where low < x[i] < high, else 0. `output` may be `gradient` or `x`. */
TK_KERNEL void tk_relu_gradient_f32(const float *gradient, const float *x, float low, float high,
                                    float *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) {
        output[i] = tk_passes_gradient(x[i], low, high) ? gradient[i] : 0.0f;
    }
}

/* The same with gradients that are halves; x has `bytes` a value: halves or floats. */
TK_KERNEL void tk_relu_gradient_f16(const uint16_t *gradient, const void *x, float low, float high,
                                    uint16_t *output, int32_t size, int32_t bytes) {
    for (int32_t i = 0; i < size; ++i) {
        output[i] = tk_passes_gradient(tk_real_at(x, i, bytes), low, high) ? gradient[i] : 0;
    }
}

#endif
