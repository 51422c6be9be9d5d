/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RELU_S8_H
#define TK_RELU_S8_H

#include "tk.h"

/* output[i] = clamp(input[i], low, high), at one scale. `output` may be `input`. */
TK_KERNEL void tk_relu_s8(const int8_t *input, int32_t low, int32_t high, int8_t *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) output[i] = (int8_t)tk_clamp(input[i], low, high);
}

#endif
