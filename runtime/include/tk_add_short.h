/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ADD_SHORT_H
#define TK_ADD_SHORT_H

#include "tk.h"

#define TK_ADD_SHORT_SHIFT 21 /* SHORT_SHIFT of toolkit.ops.add_linear */

/* A sum in 32 bits: (a * factor_a + b * factor_b + bias) >> 21, found by toolkit.ops.add_linear and proven for every
 * pair of values. */
typedef struct {
    int32_t factor_a, factor_b, bias;
    int32_t min, max;
} tk_add_short;

TK_INLINE int8_t tk_sum_short(int32_t a, int32_t b, const tk_add_short *f) {
    const int32_t sum = (f->bias + a * f->factor_a + b * f->factor_b) >> TK_ADD_SHORT_SHIFT;
    return (int8_t)tk_clamp(sum, f->min, f->max);
}

#endif
