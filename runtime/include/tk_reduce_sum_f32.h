/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_REDUCE_SUM_F32_H
#define TK_REDUCE_SUM_F32_H

#include "tk_reduction.h"

/* Sums over `divisor`. */
TK_KERNEL void tk_reduce_sum_f32(const float *input, float divisor, float *output, const tk_reduction *s) {
    TK_REDUCE(float, float, 0.0f, total + value, total / divisor);
}

#endif
