/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MUL_S16_H
#define TK_MUL_S16_H

#include "tk_broadcast.h"
#include "tk_rescale_s16.h"

/* output = a * b. `output` may be an operand that does not repeat. */
TK_KERNEL void tk_mul_s16(const int16_t *a, const int16_t *b, const tk_scale_s16 *scale, int16_t *output,
                          const tk_broadcast *s) {
    for (int32_t i = 0; i < s->size[0]; ++i) {
        for (int32_t j = 0; j < s->size[1]; ++j) {
            for (int32_t k = 0; k < s->size[2]; ++k) {
                const int16_t *x = a + tk_row_of(s->a, i, j, k);
                const int16_t *y = b + tk_row_of(s->b, i, j, k);
                for (int32_t l = 0; l < s->size[3]; ++l) {
                    *output++ = tk_scaled_s16(x[l * s->a[3]] * y[l * s->b[3]], scale);
                }
            }
        }
    }
}

#endif
