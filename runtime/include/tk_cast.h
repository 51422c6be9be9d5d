/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CAST_H
#define TK_CAST_H

#include "tk_half.h"

/* output[i] = the half nearest to input[i]; `output` may be `input`. */
TK_KERNEL void tk_cast_f32(const float *input, uint16_t *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) tk_put_real(output, i, 2, input[i]);
}

/* output[i] = input[i]. `output` may begin 2 * size bytes below `input`. */
TK_KERNEL void tk_cast_f16(const uint16_t *input, float *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) output[i] = tk_real_at(input, i, 2);
}

#endif
