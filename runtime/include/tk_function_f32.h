/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FUNCTION_F32_H
#define TK_FUNCTION_F32_H

#include "tk_functions_f32.h"

/* Which function; `a`, `b` and `c` below are its parameters. */
enum {
    TK_SIGMOID,
    TK_TANH,
    TK_GELU,
    TK_GELU_TANH,
    TK_SILU,
    TK_MISH,
    TK_HARDSWISH,
    TK_HARDSIGMOID,
    TK_ELU,        /* alpha, scale, input scale */
    TK_LEAKY_RELU, /* slope */
    TK_SOFTPLUS,   /* beta, threshold */
    TK_SOFTSIGN,
    TK_LOG_SIGMOID,
    TK_ERF,
    TK_EXP,
    TK_EXPM1,
    TK_LOG,
    TK_LOG1P,
    TK_SQRT,
    TK_RSQRT,
    TK_RECIPROCAL,
    TK_POW,         /* exponent */
    TK_EXPONENTIAL, /* logarithm of the base */
    TK_ABS,
    TK_NEG,
    TK_SIN,
    TK_COS,
    TK_SIGN,
    TK_FLOOR,
    TK_CEIL,
    TK_ROUND,
    TK_TRUNC,
    TK_FRAC,
    TK_LOG_SCALED, /* factor */
    TK_ERFC,
    TK_ASIN,
    TK_ACOS,
    TK_ATAN,
    TK_SINH,
    TK_COSH,
    TK_ASINH,
    TK_ACOSH,
    TK_ATANH,
    TK_THRESHOLD,  /* threshold, value below */
    TK_HARDSHRINK, /* edge */
    TK_SOFTSHRINK  /* edge */
};

TK_INLINE float tk_hard_gate_f32(float x) {
    const float y = x + 3.0f;
    return (y < 0.0f ? 0.0f : y > 6.0f ? 6.0f : y) / 6.0f;
}

/* A literal `function` leaves one case of this. */
TK_INLINE float tk_apply_f32(float x, int32_t function, float a, float b, float c) {
    switch (function) {
    case TK_SIGMOID:
        return tk_sigmoid_of_f32(x);
    case TK_TANH:
        return tk_tanh_of_f32(x);
    case TK_GELU:
        return 0.5f * x * (1.0f + tk_erf_of_f32(x * 0.707106781f));
    case TK_GELU_TANH:
        return 0.5f * x * (1.0f + tk_tanh_of_f32(0.797884561f * (x + 0.044715f * (x * x * x))));
    case TK_SILU:
        return x * tk_sigmoid_of_f32(x);
    case TK_MISH:
        return x * tk_tanh_of_f32(tk_softplus_of_f32(x));
    case TK_HARDSWISH:
        return x * tk_hard_gate_f32(x);
    case TK_HARDSIGMOID:
        return tk_hard_gate_f32(x);
    case TK_ELU:
        return b * (x > 0.0f ? x : a * tk_expm1_f32((x > 0.0f ? 0.0f : x) * c));
    case TK_LEAKY_RELU:
        return x >= 0.0f ? x : a * x;
    case TK_SOFTPLUS:
        return x * a > b ? x : tk_softplus_of_f32(x * a) / a;
    case TK_SOFTSIGN:
        return x / (1.0f + tk_abs_value_f32(x));
    case TK_LOG_SIGMOID:
        return -tk_softplus_of_f32(-x);
    case TK_ERF:
        return tk_erf_of_f32(x);
    case TK_EXP:
        return tk_exp_any_f32(x);
    case TK_EXPM1:
        return tk_expm1_f32(x);
    case TK_LOG:
        return tk_log_of_f32(x);
    case TK_LOG1P:
        return tk_log1p_of_f32(x);
    case TK_SQRT:
        return tk_sqrt_of_f32(x);
    case TK_RSQRT:
        return 1.0f / tk_sqrt_of_f32(x);
    case TK_RECIPROCAL:
        return 1.0f / x;
    case TK_POW:
        return tk_pow_of_f32(x, a);
    case TK_EXPONENTIAL:
        return tk_exp_any_f32(x * a);
    case TK_ABS:
        return tk_abs_value_f32(x);
    case TK_NEG:
        return -x;
    case TK_SIN:
        return tk_sine_of_f32(x, 0);
    case TK_COS:
        return tk_sine_of_f32(x, 1);
    case TK_SIGN:
        return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f;
    case TK_FLOOR:
        return tk_floor_of_f32(x);
    case TK_CEIL:
        return -tk_floor_of_f32(-x);
    case TK_TRUNC:
        return tk_trunc_of_f32(x);
    case TK_FRAC:
        return x - tk_trunc_of_f32(x);
    case TK_LOG_SCALED:
        return tk_log_of_f32(x) * a;
    case TK_ERFC:
        return 1.0f - tk_erf_of_f32(x);
    case TK_ASIN:
        return tk_asin_of_f32(x);
    case TK_ACOS:
        return 1.57079633f - tk_asin_of_f32(x);
    case TK_ATAN:
        return tk_atan_of_f32(x);
    case TK_SINH:
        return tk_sinh_of_f32(x);
    case TK_COSH:
        return tk_cosh_of_f32(x);
    case TK_ASINH:
        return tk_asinh_of_f32(x);
    case TK_ACOSH:
        return tk_log_of_f32(x + tk_sqrt_of_f32((x - 1.0f) * (x + 1.0f)));
    case TK_ATANH:
        return tk_atanh_of_f32(x);
    case TK_THRESHOLD:
        return x > a ? x : b;
    case TK_HARDSHRINK:
        return tk_abs_value_f32(x) > a ? x : 0.0f;
    case TK_SOFTSHRINK:
        return x > a ? x - a : x < -a ? x + a : 0.0f;
    default:
        return tk_round_of_f32(x);
    }
}

/* output[i] = function(input[i]). `output` may be `input`. */
TK_INLINE void tk_function_f32(const float *input, int32_t function, float a, float b, float c, float *output,
                               int32_t size) {
    TK_ROLLED
    for (int32_t i = 0; i < size; ++i) output[i] = tk_apply_f32(input[i], function, a, b, c);
}

#endif
