/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_T3_SIMD_H
#define TK_FULLY_CONNECTED_T3_SIMD_H

#include "tk_ternary_simd.h"

/* As tk_fully_connected_columns5, with NEON, AVX2 or AVX-512; bias, multipliers and shifts as tk_ternary_matrix has them. */
TK_KERNEL void tk_fully_connected_t3_simd(const int8_t *input, const uint8_t *weight, const int32_t *bias,
                                          const tk_requant_s8 *requant, int8_t *output, int32_t rows,
                                          int32_t depth, int32_t channels) {
    const tk_ternary_matrix matrix = {weight, TK_T3_ROWS, bias, requant, depth, channels};
    tk_ternary_multiply(&matrix, input, output, rows);
}

#endif
