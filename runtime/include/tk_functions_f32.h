/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FUNCTIONS_F32_H
#define TK_FUNCTIONS_F32_H

#include "tk_exp_f32.h"
#include "tk_float_bits.h"

/* Functions of one float32 without libm. Errors, absolute unless said otherwise: erf, tanh, sine, cosine 4e-7; log 2e-7
 * of max(1, |result|); exponential 4e-7 of the result; square root one unit in the last place. */

TK_INLINE float tk_abs_value_f32(float x) { return x < 0.0f ? -x : x; }

/* exp(x) for any x. */
TK_INLINE float tk_exp_any_f32(float x) {
    if (x <= 0.0f) return tk_exp_f32(x);
    const float root = 1.0f / tk_exp_f32(-0.5f * (x < 170.0f ? x : 170.0f));
    return root * root;
}

/* exp(x) - 1, by its series near zero. */
TK_INLINE float tk_expm1_f32(float x) {
    if (tk_abs_value_f32(x) > 0.25f) return tk_exp_any_f32(x) - 1.0f;
    float y = 0.00138888889f;
    y = y * x + 0.00833333333f;
    y = y * x + 0.0416666667f;
    y = y * x + 0.166666667f;
    y = y * x + 0.5f;
    return y * (x * x) + x;
}

TK_INLINE float tk_sigmoid_of_f32(float x) {
    const float small = tk_exp_f32(-tk_abs_value_f32(x));
    return (x >= 0.0f ? 1.0f : small) / (1.0f + small);
}

TK_INLINE float tk_tanh_of_f32(float x) {
    const float size = tk_abs_value_f32(x);
    if (size < 0.25f) {
        const float square = x * x;
        float y = -0.0539682540f;
        y = y * square + 0.133333333f;
        y = y * square + -0.333333333f;
        return y * square * x + x;
    }
    const float small = tk_exp_f32(-2.0f * size);
    const float y = (1.0f - small) / (1.0f + small);
    return x < 0.0f ? -y : y;
}

/* Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26. */
TK_INLINE float tk_erf_of_f32(float x) {
    const float size = tk_abs_value_f32(x);
    const float t = 1.0f / (1.0f + 0.3275911f * size);
    float y = 1.061405429f;
    y = y * t + -1.453152027f;
    y = y * t + 1.421413741f;
    y = y * t + -0.284496736f;
    y = y * t + 0.254829592f;
    y = 1.0f - y * t * tk_exp_f32(-(size * size));
    return x < 0.0f ? -y : y;
}

/* log(x): x = m 2^n with m near 1, log m = 2 artanh((m - 1) / (m + 1)). */
TK_INLINE float tk_log_of_f32(float x) {
    if (!(x > 0.0f)) return tk_float_of_bits(x == 0.0f ? 0xff800000u : 0x7fc00000u);
    if (x > 3.40282347e+38f) return x;
    float offset = 0.0f;
    if (x < 1.17549435e-38f) { /* subnormal */
        x = x * 16777216.0f;
        offset = -24.0f;
    }
    const uint32_t bits = tk_bits_of_float(x);
    const int32_t n = (int32_t)((bits - 0x3f3504f3u) >> 23) - ((bits < 0x3f3504f3u) ? 512 : 0);
    const float m = tk_float_of_bits(bits - ((uint32_t)n << 23));
    const float whole = (float)n + offset;
    const float s = (m - 1.0f) / (m + 1.0f);
    const float square = s * s;
    float y = 0.222222222f;
    y = y * square + 0.285714286f;
    y = y * square + 0.4f;
    y = y * square + 0.666666667f;
    y = y * square * s + 2.0f * s;
    return whole * 0.693359375f + (whole * -0.000212194442f + y);
}

/* log(1 + x), corrected for what 1 + x loses. */
TK_INLINE float tk_log1p_of_f32(float x) {
    const float sum = 1.0f + x;
    if (sum == 1.0f) return x;
    if (!(sum > 0.0f) || x > 1e18f) return tk_log_of_f32(sum);
    return tk_log_of_f32(sum) * (x / (sum - 1.0f));
}

TK_INLINE float tk_softplus_of_f32(float x) {
    return (x > 0.0f ? x : 0.0f) + tk_log1p_of_f32(tk_exp_f32(-tk_abs_value_f32(x)));
}

/* Three steps of Newton's method from a guess by half the exponent. */
TK_INLINE float tk_sqrt_of_f32(float x) {
    if (!(x > 0.0f)) return x == 0.0f ? x : tk_float_of_bits(0x7fc00000u);
    if (x > 3.40282347e+38f) return x;
    float y = tk_float_of_bits(0x1fbd1df5u + (tk_bits_of_float(x) >> 1));
    y = 0.5f * (y + x / y);
    y = 0.5f * (y + x / y);
    y = 0.5f * (y + x / y);
    return y;
}

/* x^exponent: whole ones up to 16 by multiplication, others through the logarithm (x > 0). */
TK_INLINE float tk_pow_of_f32(float x, float exponent) {
    const float size = tk_abs_value_f32(exponent);
    if (size <= 16.0f && (float)(int32_t)size == size) {
        float y = 1.0f;
        for (int32_t i = (int32_t)size; i > 0; --i) y = y * x;
        return exponent < 0.0f ? 1.0f / y : y;
    }
    if (x == 0.0f) return exponent < 0.0f ? tk_float_of_bits(0x7f800000u) : 0.0f;
    return tk_exp_any_f32(exponent * tk_log_of_f32(x));
}

/* To a whole number, halves to even. */
TK_INLINE float tk_round_of_f32(float x) {
    if (!(tk_abs_value_f32(x) < 8388608.0f)) return x;
    const float whole = (float)(int32_t)x;
    const float rest = x - whole;
    const int32_t odd = (int32_t)x & 1;
    if (rest > 0.5f || (rest == 0.5f && odd)) return whole + 1.0f;
    if (rest < -0.5f || (rest == -0.5f && odd)) return whole - 1.0f;
    return whole;
}

TK_INLINE float tk_floor_of_f32(float x) {
    if (!(tk_abs_value_f32(x) < 8388608.0f)) return x;
    const float whole = (float)(int32_t)x;
    return whole > x ? whole - 1.0f : whole;
}

/* sin(x + quarter * pi / 2), |x| up to some thousands. */
TK_INLINE float tk_sine_of_f32(float x, int32_t quarter) {
    const float turns = tk_round_of_f32(x * 0.636619772f);
    const float r = ((x - turns * 1.5703125f) - turns * 0.000483751297f) - turns * 7.54978942e-08f;
    const int32_t n = (int32_t)turns + quarter;
    const float square = r * r;
    float y;
    if (n & 1) {
        y = 2.48015873e-05f;
        y = y * square + -0.00138888889f;
        y = y * square + 0.0416666667f;
        y = y * square + -0.5f;
        y = y * square + 1.0f;
    } else {
        y = 2.75573192e-06f;
        y = y * square + -0.000198412698f;
        y = y * square + 0.00833333333f;
        y = y * square + -0.166666667f;
        y = y * square * r + r;
    }
    return (n & 2) ? -y : y;
}

TK_INLINE float tk_trunc_of_f32(float x) { return x < 0.0f ? -tk_floor_of_f32(-x) : tk_floor_of_f32(x); }

TK_INLINE float tk_atan_of_f32(float x) {
    const float size = tk_abs_value_f32(x);
    const float t = size > 1.0f ? 1.0f / size : size;
    const float z = t > 0.414213562f ? (t - 1.0f) / (t + 1.0f) : t;
    const float square = z * z;
    float y = 0.0805374450f;
    y = y * square + -0.138776856f;
    y = y * square + 0.199777106f;
    y = y * square + -0.333329492f;
    y = y * square * z + z;
    if (t > 0.414213562f) y = y + 0.785398163f;
    if (size > 1.0f) y = 1.57079633f - y;
    return x < 0.0f ? -y : y;
}

TK_INLINE float tk_asin_of_f32(float x) {
    return tk_atan_of_f32(x / tk_sqrt_of_f32((1.0f - x) * (1.0f + x)));
}

TK_INLINE float tk_sinh_of_f32(float x) {
    if (tk_abs_value_f32(x) < 0.25f) {
        const float square = x * x;
        float y = 0.000198412698f;
        y = y * square + 0.00833333333f;
        y = y * square + 0.166666667f;
        return y * square * x + x;
    }
    const float power = tk_exp_any_f32(x);
    return 0.5f * (power - 1.0f / power);
}

TK_INLINE float tk_cosh_of_f32(float x) {
    const float power = tk_exp_any_f32(tk_abs_value_f32(x));
    return 0.5f * (power + 1.0f / power);
}

TK_INLINE float tk_asinh_of_f32(float x) {
    const float size = tk_abs_value_f32(x), square = size * size;
    const float y = tk_log1p_of_f32(size + square / (1.0f + tk_sqrt_of_f32(square + 1.0f)));
    return x < 0.0f ? -y : y;
}

TK_INLINE float tk_atanh_of_f32(float x) {
    const float size = tk_abs_value_f32(x);
    const float y = 0.5f * tk_log1p_of_f32(2.0f * size / (1.0f - size));
    return x < 0.0f ? -y : y;
}

#endif
