/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_SELECTION_H
#define TK_SELECTION_H

#include "tk_broadcast.h"

/* The larger or the smaller of two operands of one scale, however they repeat. `output` may be an operand that does not
 * repeat. */

TK_KERNEL void tk_maximum_s8(const int8_t *a, const int8_t *b, int8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(int8_t, p > q ? p : q);
}

TK_KERNEL void tk_minimum_s8(const int8_t *a, const int8_t *b, int8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(int8_t, p < q ? p : q);
}

TK_KERNEL void tk_maximum_f32(const float *a, const float *b, float *output, const tk_broadcast *s) {
    TK_BROADCAST(float, p > q ? p : q);
}

TK_KERNEL void tk_minimum_f32(const float *a, const float *b, float *output, const tk_broadcast *s) {
    TK_BROADCAST(float, p < q ? p : q);
}

#endif
