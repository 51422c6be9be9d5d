/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MUL_S8_H
#define TK_MUL_S8_H

#include "tk_broadcast.h"

/* output = a * b. Zero points are subtracted first; the product is below 2^16.
 * `output` may be an operand that does not repeat. */
TK_KERNEL void tk_mul_s8(const int8_t *a, int32_t zero_a, const int8_t *b, int32_t zero_b,
                         const tk_requant_s8 *requant, int8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(int8_t, tk_requantize_s8((p - zero_a) * (q - zero_b), 0, requant));
}

#endif
