/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MUL_S16_H
#define TK_MUL_S16_H

#include "tk_broadcast.h"
#include "tk_rescale_s16.h"

/* output = a * b. `output` may be an operand that does not repeat. */
TK_KERNEL void tk_mul_s16(const int16_t *a, const int16_t *b, const tk_scale_s16 *scale, int16_t *output,
                          const tk_broadcast *s) {
    TK_BROADCAST(int16_t, tk_scaled_s16(p * q, scale));
}

#endif
