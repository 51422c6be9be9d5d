/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MUL_F32_H
#define TK_MUL_F32_H

#include "tk_broadcast.h"

/* output = a * b, kept within low..high.
 * `output` may be an operand that does not repeat. */
TK_KERNEL void tk_mul_f32(const float *a, const float *b, float low, float high, float *output,
                          const tk_broadcast *s) {
    for (int32_t i = 0; i < s->size[0]; ++i) {
        for (int32_t j = 0; j < s->size[1]; ++j) {
            for (int32_t k = 0; k < s->size[2]; ++k) {
                const float *x = a + tk_row_of(s->a, i, j, k);
                const float *y = b + tk_row_of(s->b, i, j, k);
                for (int32_t l = 0; l < s->size[3]; ++l) {
                    const float value = x[l * s->a[3]] * y[l * s->b[3]];
                    *output++ = value < low ? low : (value > high ? high : value);
                }
            }
        }
    }
}

#endif
