/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_PER_TOKEN_T2_SIMD_H
#define TK_FULLY_CONNECTED_PER_TOKEN_T2_SIMD_H

#include "tk_ternary_simd.h"
#include "tk_token_scaling.h"

/* As tk_fully_connected_per_token_t2, with NEON, AVX2 or AVX-512. The sums lie where the outputs will. */
TK_KERNEL void tk_fully_connected_per_token_t2_simd(const int8_t *input, const uint8_t *weight,
                                                    const float *token, const tk_token_scaling *scaling,
                                                    float *output, int32_t rows, int32_t depth,
                                                    int32_t channels) {
    tk_matmul_ternary(input, weight, TK_T2_ROWS, (int32_t *)(void *)output, rows, depth, channels);
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t o = 0; o < channels; ++o, ++output) {
            int32_t sum;
            tk_copy_simd((int8_t *)&sum, (const int8_t *)output, 4);
            *output = tk_scaled_sum(sum, token[row], o, scaling);
        }
    }
}

#endif
