/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MATMUL_STEP_F32_H
#define TK_MATMUL_STEP_F32_H

#include "tk_matmul.h"

/* output (batch 0, batch 1, rows, columns) = weight - rate * sum over k of a b: a step down a gradient that is a product.
 * The output may lie where `weight` does. */
TK_KERNEL void tk_matmul_step_f32(const float *a, const float *b, const float *weight, const float *rate,
                                  float *output, const tk_matmul *m) {
    TK_MATMUL(float, float, p *q, *weight++ - *rate * sum);
}

#endif
