/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_NORMALIZE_F32_H
#define TK_NORMALIZE_F32_H

#include "tk_functions_f32.h"

/* Rows of input (rows, channels, inner) to mean 0 (unless not `centred`) and variance 1, times gamma plus beta of each
 * channel of the row's group (row % groups). `output` may be `input`. */
TK_KERNEL void tk_normalize_f32(const float *input, const float *gamma, const float *beta, float eps,
                                int32_t centred, float *output, int32_t rows, int32_t channels, int32_t inner,
                                int32_t groups) {
    const int32_t size = channels * inner;
    for (int32_t row = 0; row < rows; ++row) {
        float mean = 0.0f, variance = 0.0f;
        if (centred) {
            for (int32_t i = 0; i < size; ++i) mean += input[i];
            mean /= (float)size;
        }
        for (int32_t i = 0; i < size; ++i) {
            const float d = input[i] - mean;
            variance += d * d;
        }
        const float factor = 1.0f / tk_sqrt_of_f32(variance / (float)size + eps);
        const int32_t first = row % groups * channels;
        for (int32_t c = first; c < first + channels; ++c) {
            for (int32_t i = 0; i < inner; ++i) *output++ = (*input++ - mean) * factor * gamma[c] + beta[c];
        }
    }
}

#endif
