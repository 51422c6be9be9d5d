/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_REDUCE_SUM_F32_H
#define TK_REDUCE_SUM_F32_H

#include "tk_half.h"
#include "tk_reduction.h"

/* Sums over `divisor`. */
TK_KERNEL void tk_reduce_sum_f32(const float *input, float divisor, float *output, const tk_reduction *s) {
    TK_REDUCE(float, float, 0.0f, total + value, total / divisor);
}

/* The same of halves, summed in float32. */
TK_KERNEL void tk_reduce_sum_f16(const uint16_t *input, float divisor, float *output, const tk_reduction *s) {
    TK_REDUCE(uint16_t, float, 0.0f, total + tk_float_of_half(value), total / divisor);
}

#endif
