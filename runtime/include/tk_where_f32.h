/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_WHERE_F32_H
#define TK_WHERE_F32_H

#include "tk_broadcast.h"

/* output[i] is a value of a where condition[i], else one of b, however they repeat. `output` may be an operand that does
 * not repeat. */
TK_KERNEL void tk_where_f32(const uint8_t *condition, const float *a, const float *b, float *output,
                            const tk_broadcast *s) {
    TK_BROADCAST(float, *condition++ ? p : q);
}

#endif
