/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_REQUANTIZE_MVE_H
#define TK_REQUANTIZE_MVE_H

#include "tk_mve.h"

/* What turns the sums of four channels into their outputs. In flash: four biases, four multipliers, four shifts as
 * bytes, 36 bytes in all. Shifts are to the left, -1 or less. */
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

#endif
