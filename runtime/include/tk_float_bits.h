/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FLOAT_BITS_H
#define TK_FLOAT_BITS_H

#include "tk.h"

TK_INLINE float tk_float_of_bits(uint32_t bits) {
    union {
        uint32_t bits;
        float value;
    } both;
    both.bits = bits;
    return both.value;
}

TK_INLINE uint32_t tk_bits_of_float(float value) {
    union {
        uint32_t bits;
        float value;
    } both;
    both.value = value;
    return both.bits;
}

#endif
