/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BINARY_F32_H
#define TK_BINARY_F32_H

#include "tk_bounds_f32.h"
#include "tk_broadcast.h"

/* Two operands, however they repeat; results are kept within low..high. `output` may be an operand that does not repeat. */

TK_KERNEL void tk_add_broadcast_f32(const float *a, const float *b, float low, float high, float *output,
                                    const tk_broadcast *s) {
    TK_BROADCAST(float, tk_bounded_f32(p + q, low, high));
}

TK_KERNEL void tk_sub_f32(const float *a, const float *b, float low, float high, float *output,
                          const tk_broadcast *s) {
    TK_BROADCAST(float, tk_bounded_f32(p - q, low, high));
}

TK_KERNEL void tk_mul_f32(const float *a, const float *b, float low, float high, float *output,
                          const tk_broadcast *s) {
    TK_BROADCAST(float, tk_bounded_f32(p * q, low, high));
}

TK_KERNEL void tk_div_f32(const float *a, const float *b, float low, float high, float *output,
                          const tk_broadcast *s) {
    TK_BROADCAST(float, tk_bounded_f32(p / q, low, high));
}

#endif
