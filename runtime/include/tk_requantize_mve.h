/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_REQUANTIZE_MVE_H
#define TK_REQUANTIZE_MVE_H

#include "tk_mve.h"

/* What turns the sums of four channels into their outputs. In flash: four biases, four multipliers, four shifts as
 * bytes, 36 bytes in all. Shifts are to the left, -1 or less. Where some channel's real multiplier is one half or more,
 * 40 bytes: shifts may be 0 then, and four more bytes say how far the sum goes to the left before. */
enum { TK_SCALES_MVE = 36, TK_LARGE_SCALES_MVE = 40 };

typedef struct {
    tk_s32x4 bias, multiplier, shift;
} tk_scales_mve;

TK_INLINE tk_scales_mve tk_load_scales_mve(const int8_t *from) {
    const int32_t *words = (const int32_t *)(const void *)from;
    const tk_scales_mve scales = {tk_v_load(words), tk_v_load(words + 4), tk_v_load_s8(from + 32)};
    return scales;
}

/* Requantize four sums, zero point and bounds aside. Rounding once is exact, because the low 31 bits of the product
 * never carry into the result. `twice`: as tk_requantize_double. */
TK_INLINE tk_s32x4 tk_requantize_mve(tk_s32x4 sum, const tk_scales_mve *scales, int twice) {
    sum = tk_v_add(sum, scales->bias);
    if (!twice) return tk_v_shift_rounded(tk_v_high(sum, scales->multiplier), scales->shift);
    const tk_s32x4 high = tk_v_high_rounded(sum, scales->multiplier);
    return tk_v_shift_rounded(tk_v_add(high, tk_v_sign(high)), scales->shift); /* half away from zero */
}

/* The same with large scales. Sums that leave int32_t on the way are far outside int8; room is left to add to them. */
TK_INLINE tk_s32x4 tk_requantize_large_mve(tk_s32x4 sum, const int8_t *from, int twice) {
    const tk_scales_mve scales = tk_load_scales_mve(from);
    const tk_s32x4 limit = tk_v_same(1 << 30);
    sum = tk_v_shift_saturated(tk_v_add(sum, scales.bias), tk_v_load_s8(from + TK_SCALES_MVE));
    if (!twice) return tk_v_shift_rounded(tk_v_high(sum, scales.multiplier), scales.shift);
    const tk_s32x4 high = tk_v_high_rounded(sum, scales.multiplier);
    const tk_s32x4 below = tk_v_sign(tk_v_and(high, scales.shift)); /* where something is left to round */
    const tk_s32x4 y = tk_v_shift_rounded(tk_v_add(high, below), scales.shift);
    return tk_v_max(tk_v_min(y, limit), tk_v_mul_n(limit, -1));
}

#endif
