/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ADD_LINEAR_S8_H
#define TK_ADD_LINEAR_S8_H

#include "tk.h"

/* A sum as one linear form with 16 more fraction bits than `shift`: each factor in two halves, so that 32-bit
 * arithmetic is exact. Zero points and rounding are in the bias. */
typedef struct {
    int32_t a_high, a_low, b_high, b_low, bias_high, bias_low;
    int32_t shift;
    int32_t min, max;
} tk_add_linear;

/* As tk_add_s8, where toolkit.ops.add_linear has found factors that give the same for every pair of values. */
TK_KERNEL void tk_add_linear_s8(const int8_t *a, const int8_t *b, const tk_add_linear *f, int8_t *output,
                                int32_t rows, int32_t size) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t i = 0; i < size; ++i) {
            const int32_t x = a[i];
            const int32_t y = b[i];
            const int32_t low = x * f->a_low + y * f->b_low + f->bias_low;
            const int32_t high = x * f->a_high + y * f->b_high + f->bias_high + (low >> 16);
            output[i] = (int8_t)tk_clamp(high >> f->shift, f->min, f->max);
        }
        a += size;
        output += size;
    }
}

#endif
