/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEQUANTIZE_S16_H
#define TK_DEQUANTIZE_S16_H

#include "tk.h"

/* output[i] = input[i] * scale. `output` may begin 2 * size bytes below `input`. */
TK_KERNEL void tk_dequantize_s16(const int16_t *input, float scale, float *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) output[i] = (float)input[i] * scale;
}

#endif
