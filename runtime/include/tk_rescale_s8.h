/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RESCALE_S8_H
#define TK_RESCALE_S8_H

#include "tk.h"

/* Bring `rows` rows of `size` values from one scale to another. Output rows begin `stride` values apart.
 * `output` may be `input` when stride is size. */
TK_KERNEL void tk_rescale_s8(const int8_t *input, int32_t zero_point, const tk_requant_s8 *requant,
                             int8_t *output, int32_t rows, int32_t size, int32_t stride) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t i = 0; i < size; ++i) output[i] = tk_requantize_s8(input[i] - zero_point, 0, requant);
        input += size;
        output += stride;
    }
}

#endif
