/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_LOG_SOFTMAX_F32_H
#define TK_LOG_SOFTMAX_F32_H

#include "tk_functions_f32.h"
#include "tk_softmax_f32.h"

/* Logarithm of the softmax over `depth` of input (rows, depth, inner). `output` may be `input`. */
TK_KERNEL void tk_log_softmax_f32(const float *input, float *output, int32_t rows, int32_t depth,
                                  int32_t inner) {
    for (int32_t row = 0; row < rows; ++row, input += depth * inner, output += depth * inner) {
        for (int32_t i = 0; i < inner; ++i) {
            const float largest = tk_largest_f32(input + i, depth, inner);
            float sum = 0.0f;
            TK_ROLLED
            for (int32_t k = 0; k < depth; ++k) sum += tk_exp_f32(input[k * inner + i] - largest);
            const float log_sum = tk_log_of_f32(sum);
            TK_ROLLED
            for (int32_t k = 0; k < depth; ++k) {
                output[k * inner + i] = (input[k * inner + i] - largest) - log_sum;
            }
        }
    }
}

#endif
