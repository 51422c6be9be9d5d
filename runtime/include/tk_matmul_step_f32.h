/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MATMUL_STEP_F32_H
#define TK_MATMUL_STEP_F32_H

#include "tk_matmul_real.h"

/* output (batch 0, batch 1, rows, columns) = weight - rate * sum over k of a b: a step down a gradient that is a product.
 * The output may lie where `weight` does. */
TK_KERNEL void tk_matmul_step_f32(const float *a, const float *b, const float *weight, const float *rate,
                                  float *output, const tk_matmul *m) {
    tk_matmul_real(a, b, 1.0f, weight, rate, output, m, 4, 4);
}

/* The same of halves, summed in float32; weight and output have `out_bytes` a value: halves or floats. */
TK_KERNEL void tk_matmul_step_f16(const uint16_t *a, const uint16_t *b, const void *weight, const float *rate,
                                  void *output, const tk_matmul *m, int32_t out_bytes) {
    tk_matmul_real(a, b, 1.0f, weight, rate, output, m, 2, out_bytes);
}

#endif
