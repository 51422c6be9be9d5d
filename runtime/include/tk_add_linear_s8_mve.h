/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ADD_LINEAR_S8_MVE_H
#define TK_ADD_LINEAR_S8_MVE_H

#include "tk_add_linear_s8.h"
#include "tk_mve.h"

TK_INLINE tk_s32x4 tk_sum_mve(tk_s32x4 x, tk_s32x4 y, const tk_add_linear *f) {
    const tk_s32x4 low = tk_v_add_n(tk_v_mla_n(tk_v_mul_n(x, f->a_low), y, f->b_low), f->bias_low);
    const tk_s32x4 carry = tk_v_shift_n(low, -16);
    const tk_s32x4 high = tk_v_add_n(tk_v_mla_n(tk_v_mla_n(carry, x, f->a_high), y, f->b_high), f->bias_high);
    return tk_v_shift_n(high, -f->shift);
}

/* As tk_add_linear_s8, four values at a time. */
TK_KERNEL void tk_add_linear_s8_mve(const int8_t *a, const int8_t *b, const tk_add_linear *f, int8_t *output,
                                    int32_t rows, int32_t size) {
    const int whole = f->min == INT8_MIN && f->max == INT8_MAX;
    for (int32_t row = 0; row < rows; ++row) {
        const int8_t *addend = b;
        for (int32_t left = size >> 2; left > 0; --left, a += 4, addend += 4, output += 4) {
            tk_v_store_saturated_s8(output, tk_sum_mve(tk_v_load_s8(a), tk_v_load_s8(addend), f));
        }
        if (size % 4 != 0) {
            const tk_s32x4 x = tk_v_load_some_s8(a, size % 4), y = tk_v_load_some_s8(addend, size % 4);
            const tk_s32x4 sum = tk_sum_mve(x, y, f);
            tk_v_store_some_s8(output, tk_v_min(tk_v_max(sum, tk_v_same(f->min)), tk_v_same(f->max)),
                               size % 4);
            a += size % 4;
            output += size % 4;
        }
    }
    if (!whole) tk_bound_mve(output - rows * size, f->min, f->max, rows * size);
}

#endif
