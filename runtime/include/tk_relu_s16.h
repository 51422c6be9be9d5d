/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RELU_S16_H
#define TK_RELU_S16_H

#include "tk.h"

/* output[i] = input[i] within bounds. `output` may be `input`. */
TK_KERNEL void tk_relu_s16(const int16_t *input, int32_t low, int32_t high, int16_t *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) output[i] = (int16_t)tk_clamp(input[i], low, high);
}

#endif
