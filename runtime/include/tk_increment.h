/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_INCREMENT_H
#define TK_INCREMENT_H

#include "tk.h"

/* output[i] = input[i] + by, wrapping around, and of that what is left of a division by `modulus`, 0 .. modulus - 1,
 * unless that is 0. `output` may be `input`. */
TK_KERNEL void tk_increment(const int32_t *input, int32_t by, int32_t modulus, int32_t *output,
                            int32_t size) {
    for (int32_t i = 0; i < size; ++i) {
        const int32_t sum = (int32_t)((uint32_t)input[i] + (uint32_t)by);
        const int32_t left = modulus ? sum % modulus : sum;
        output[i] = modulus && left < 0 ? left + modulus : left;
    }
}

#endif
