/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_SOFTMAX_F32_H
#define TK_SOFTMAX_F32_H

#include "tk_exp_f32.h"

/* The largest of `depth` values that lie `inner` apart. */
TK_INLINE float tk_largest_f32(const float *input, int32_t depth, int32_t inner) {
    float largest = input[0];
    TK_ROLLED
    for (int32_t k = 1; k < depth; ++k) {
        if (input[k * inner] > largest) largest = input[k * inner];
    }
    return largest;
}

/* Softmax over `depth` of input (rows, depth, inner). `output` may be `input`. */
TK_KERNEL void tk_softmax_f32(const float *input, float *output, int32_t rows, int32_t depth, int32_t inner) {
    for (int32_t row = 0; row < rows; ++row, input += depth * inner, output += depth * inner) {
        for (int32_t i = 0; i < inner; ++i) {
            const float largest = tk_largest_f32(input + i, depth, inner);
            float sum = 0.0f;
            TK_ROLLED
            for (int32_t k = 0; k < depth; ++k) {
                const float e = tk_exp_f32(input[k * inner + i] - largest);
                output[k * inner + i] = e;
                sum += e;
            }
            TK_ROLLED
            for (int32_t k = 0; k < depth; ++k) output[k * inner + i] /= sum;
        }
    }
}

#endif
