/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_EXP_F32_H
#define TK_EXP_F32_H

#include "tk.h"

/* exp(x) for x <= 0, within one unit in the last place; 0 below -87. x = n ln 2 + r with |r| <= ln 2 / 2, and
 * exp(r) - 1 - r by a polynomial fitted to the least relative error. No libm. */
TK_INLINE float tk_exp_f32(float x) {
    union {
        uint32_t bits;
        float value;
    } power;
    if (!(x > -87.0f)) return 0.0f;
    const int32_t n = (int32_t)(x * 1.44269502f - 0.5f);
    const float whole = (float)n;
    const float r = (x - whole * 0.693359375f) - whole * -0.000212194442f; /* ln 2 in two parts */
    float y = 0.00138116616f;
    y = y * r + 0.00837013498f;
    y = y * r + 0.0416685268f;
    y = y * r + 0.166665092f;
    y = y * r + 0.49999994f;
    y = y * (r * r) + r + 1.0f;
    power.bits = (uint32_t)(n + 127) << 23;
    return y * power.value;
}

#endif
