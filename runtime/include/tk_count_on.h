/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_COUNT_ON_H
#define TK_COUNT_ON_H

#include "tk_increment.h"

/* output[i] = *input + by * (i / each), counted as tk_increment does. */
TK_KERNEL void tk_count_on(const int32_t *input, int32_t by, int32_t each, int32_t modulus, int32_t *output,
                           int32_t size) {
    for (int32_t i = 0; i < size; ++i) tk_increment(input, by * (i / each), modulus, output + i, 1);
}

#endif
