/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_HALF_H
#define TK_HALF_H

#include "tk_float_bits.h"
#include "tk_values.h"

/* Half precision (IEEE 754 binary16) as storage: its 16 bits lie in memory, and what computes does so in float32. A float32
 * becomes the nearest half, of two equally near ones the even one. Cores with an FPU convert in one instruction. */

#if defined(__ARM_FP) && defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#define TK_HALF_TO_FLOAT "vcvtb.f32.f16 %0, %1"
#define TK_UPPER_HALF_TO_FLOAT "vcvtt.f32.f16 %0, %1"
#define TK_FLOAT_TO_HALF "vcvtb.f16.f32 %0, %1"
#define TK_FLOAT_REGISTER "t"
#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
#define TK_HALF_TO_FLOAT "fcvt %s0, %h1"
#define TK_FLOAT_TO_HALF "fcvt %h0, %s1"
#define TK_FLOAT_REGISTER "w"
#endif

#ifdef TK_UPPER_HALF_TO_FLOAT
typedef uint32_t __attribute__((may_alias, aligned(2))) tk_two_halves; /* these cores load them anywhere */
#endif
typedef uint16_t TK_MAY_ALIAS tk_half; /* may be written where floats were read */

TK_INLINE float tk_float_of_half(uint16_t half) {
#ifdef TK_HALF_TO_FLOAT
    float value;
    __asm(TK_HALF_TO_FLOAT : "=" TK_FLOAT_REGISTER(value) : TK_FLOAT_REGISTER(tk_float_of_bits(half)));
    return value;
#else
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, magnitude = half & 0x7fffu;
    if (magnitude >= 0x7c00u) return tk_float_of_bits(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
    if (magnitude >= 0x400u) return tk_float_of_bits(sign | ((magnitude << 13) + ((uint32_t)112 << 23)));
    const float small = (float)(int32_t)magnitude * 5.96046448e-8f; /* 2^-24 */
    return tk_float_of_bits(sign | tk_bits_of_float(small));
#endif
}

TK_INLINE uint16_t tk_half_of_float(float value) {
#ifdef TK_HALF_TO_FLOAT
    float half;
    __asm(TK_FLOAT_TO_HALF : "=" TK_FLOAT_REGISTER(half) : TK_FLOAT_REGISTER(value));
    return (uint16_t)tk_bits_of_float(half);
#else
    const uint32_t bits = tk_bits_of_float(value), magnitude = bits & 0x7fffffffu;
    uint32_t half = 0x7c00u;
    if (magnitude > 0x7f800000u) {
        half = 0x7e00u;                                           /* not a number */
    } else if (magnitude < ((uint32_t)113 << 23)) {               /* below 2^-14, the smallest normal half */
        const float shifted = tk_float_of_bits(magnitude) + 0.5f; /* whose last place is 2^-24 */
        half = tk_bits_of_float(shifted) - ((uint32_t)126 << 23);
    } else if (magnitude < ((uint32_t)143 << 23)) {
        half = (magnitude - ((uint32_t)112 << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    }
    return (uint16_t)(half | (bits >> 16 & 0x8000u));
#endif
}

/* Value number `at` of an array of halves (`bytes` 2) or of floats (4). A kernel's `bytes` are literals. */
TK_INLINE float tk_real_at(const void *from, int32_t at, int32_t bytes) {
    return bytes == 2 ? tk_float_of_half(((const tk_half *)from)[at]) : ((const float *)from)[at];
}

TK_INLINE void tk_put_real(void *to, int32_t at, int32_t bytes, float value) {
    if (bytes == 2) {
        ((tk_half *)to)[at] = tk_half_of_float(value);
    } else {
        ((float *)to)[at] = value;
    }
}

/* `count` values from number `at` on. */
TK_INLINE void tk_reals_at(const void *from, int32_t at, int32_t bytes, float *into, int32_t count) {
    int32_t i = 0;
#ifdef TK_UPPER_HALF_TO_FLOAT
    const int32_t paired = bytes == 2 ? count : 0;
    TK_UNROLLED
    for (; i + 2 <= paired; i += 2) { /* one load for two */
        const float both = tk_float_of_bits(*(const tk_two_halves *)((const tk_half *)from + at + i));
        __asm(TK_HALF_TO_FLOAT : "=" TK_FLOAT_REGISTER(into[i]) : TK_FLOAT_REGISTER(both));
        __asm(TK_UPPER_HALF_TO_FLOAT : "=" TK_FLOAT_REGISTER(into[i + 1]) : TK_FLOAT_REGISTER(both));
    }
#endif
    TK_UNROLLED
    for (; i < count; ++i) into[i] = tk_real_at(from, at + i, bytes);
}

/* The place of value number `at`. */
TK_INLINE const void *tk_real_from(const void *from, int32_t at, int32_t bytes) {
    return (const uint8_t *)from + at * bytes;
}

#endif
