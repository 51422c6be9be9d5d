/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MINIMUM_S8_H
#define TK_MINIMUM_S8_H

#include "tk_broadcast.h"

/* output = the smaller of a and b, which share one scale.
 * `output` may be an operand that does not repeat. */
TK_KERNEL void tk_minimum_s8(const int8_t *a, const int8_t *b, int8_t *output, const tk_broadcast *s) {
    for (int32_t i = 0; i < s->size[0]; ++i) {
        for (int32_t j = 0; j < s->size[1]; ++j) {
            for (int32_t k = 0; k < s->size[2]; ++k) {
                const int8_t *x = a + tk_row_of(s->a, i, j, k);
                const int8_t *y = b + tk_row_of(s->b, i, j, k);
                for (int32_t l = 0; l < s->size[3]; ++l) {
                    const int8_t p = x[l * s->a[3]], q = y[l * s->b[3]];
                    *output++ = p < q ? p : q;
                }
            }
        }
    }
}

#endif
