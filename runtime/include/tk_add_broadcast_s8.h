/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ADD_BROADCAST_S8_H
#define TK_ADD_BROADCAST_S8_H

#include "tk_add_s8.h"
#include "tk_broadcast.h"

/* output = a + sign * b, sign 1 or -1, however a and b repeat; otherwise as tk_add_s8.
 * `output` may be an operand that does not repeat. */
TK_KERNEL void tk_add_broadcast_s8(const int8_t *a, const int8_t *b, int32_t sign,
                                   const tk_add_scales *scales, int8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(int8_t, tk_sum_s8(p, q, sign, scales));
}

#endif
