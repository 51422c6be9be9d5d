/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEQUANTIZE_S8_H
#define TK_DEQUANTIZE_S8_H

#include "tk.h"

/* output[i] = (input[i] - zero_point) * scale. `output` may begin 3 * size bytes below `input`. */
TK_KERNEL void tk_dequantize_s8(const int8_t *input, int32_t zero_point, float scale, float *output,
                                int32_t size) {
    for (int32_t i = 0; i < size; ++i) output[i] = (float)(input[i] - zero_point) * scale;
}

#endif
