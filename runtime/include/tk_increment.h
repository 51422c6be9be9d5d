/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_INCREMENT_H
#define TK_INCREMENT_H

#include "tk.h"

/* output[i] = input[i] + by, wrapping around. `output` may be `input`. */
TK_KERNEL void tk_increment(const int32_t *input, int32_t by, int32_t *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) output[i] = (int32_t)((uint32_t)input[i] + (uint32_t)by);
}

#endif
