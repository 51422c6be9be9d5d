/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_H
#define TK_H

/* Everything the kernels share: types, requantization, loads. C99, no libc, no float in integer kernels. */

#include <stdint.h>

/* A product and a sum are rounded one after the other, so that float32 is the same on every core. GCC does that with
 * -std=c99; with -std=gnu99 it wants -ffp-contract=off. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#if defined(__GNUC__) || defined(__clang__)
#define TK_INLINE static inline __attribute__((always_inline, unused))
#if defined(__clang__) || __GNUC__ < 8
#define TK_NOINLINE __attribute__((noinline))
#else
/* GCC 12 for Arm may take a layer whose stores it vectorised for a function without effects, and drop the call. */
#define TK_NOINLINE __attribute__((noipa))
#endif
#define TK_UNUSED __attribute__((unused))
#define TK_ALIGN(bytes) __attribute__((aligned(bytes)))
#define TK_SECTION(name) __attribute__((section(name)))
#else
#define TK_INLINE static inline
#define TK_NOINLINE
#define TK_UNUSED
#define TK_ALIGN(bytes)
#define TK_SECTION(name)
#endif

/* Kernels are inlined into each layer, whose literal shapes then specialise them. Define TK_SHARE_KERNELS
 * to have one copy serve all layers: smaller, slower. */
#ifdef TK_SHARE_KERNELS
#define TK_KERNEL static TK_NOINLINE TK_UNUSED
#else
#define TK_KERNEL TK_INLINE
#endif

/* Where constants lie. AVR's flash has addresses of its own, which GCC's C knows as __flash: kernels whose constants are
 * TK_ROM read them there. C++ and strict C99 have no such word; then start-up code copies constants to RAM. */
#ifdef __FLASH
#define TK_ROM __flash
#else
#define TK_ROM
#endif

#if defined(__APPLE__)
#define TK_WEIGHTS TK_ALIGN(4)
#elif defined(_WIN32)
#define TK_WEIGHTS TK_ALIGN(4)
#else
/* A section of their own, so that the size report can tell weights from code. */
#define TK_WEIGHTS TK_ALIGN(4) TK_SECTION(".rodata.tk_weights")
#endif

/* In front of a loop that clang would unroll into kilobytes for nothing. */
#if defined(__clang__)
#define TK_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define TK_ROLLED
#endif

/* In front of a short loop over an array that shall lie in registers. */
#if defined(__clang__)
#define TK_UNROLLED _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__) && __GNUC__ >= 8
#define TK_UNROLLED _Pragma("GCC unroll 8")
#else
#define TK_UNROLLED
#endif

#ifdef __cplusplus
#define TK_RESTRICT __restrict
#else
#define TK_RESTRICT restrict
#endif

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)
#define TK_HAS_DSP /* Armv7E-M and Armv8-M with the DSP extension */
#endif

TK_INLINE int32_t tk_min(int32_t a, int32_t b) { return a < b ? a : b; }
TK_INLINE int32_t tk_max(int32_t a, int32_t b) { return a > b ? a : b; }
TK_INLINE int32_t tk_clamp(int32_t x, int32_t low, int32_t high) { return tk_max(low, tk_min(x, high)); }

/* (acc * multiplier) / 2^shift, rounded once, half up: TensorFlow Lite's single rounding.
 * `multiplier` is in 2^30 .. 2^31 - 1 (or 0), `shift` in 1 .. 62. */
TK_INLINE int32_t tk_requantize(int32_t acc, int32_t multiplier, int32_t shift) {
    if (shift > 32) { /* the low word never carries into the result, so 32-bit arithmetic is exact */
        const int32_t half = (int32_t)1 << (shift - 33);
#ifdef TK_HAS_DSP
        int32_t high; /* high word of the product + half */
        __asm("smmla %0, %1, %2, %3" : "=r"(high) : "r"(acc), "r"(multiplier), "r"(half));
        return high >> (shift - 32);
#else
        return ((int32_t)(((int64_t)acc * multiplier) >> 32) + half) >> (shift - 32);
#endif
    }
    const int64_t product = (int64_t)acc * multiplier;
    return (int32_t)((product + ((int64_t)1 << (shift - 1))) >> shift);
}

/* The same, rounded twice, as TensorFlow Lite Micro and CMSIS-NN do: the high part of the product half up, then what is
 * left of the shift half away from zero. */
TK_INLINE int32_t tk_requantize_double(int32_t acc, int32_t multiplier, int32_t shift) {
    if (shift < 31) {
        const int64_t wide = (int64_t)acc * ((int64_t)1 << (31 - shift)) * multiplier;
        return (int32_t)((wide + ((int64_t)1 << 30)) >> 31);
    }
    const int32_t high = (int32_t)(((int64_t)acc * multiplier + ((int64_t)1 << 30)) >> 31);
    if (shift == 31) return high;
    return (high + ((int32_t)1 << (shift - 32)) - (high < 0)) >> (shift - 31);
}

/* How an int32 accumulator becomes an int8 output: one multiplier and shift, or one per channel, then the
 * zero point and the bounds that int8 or a fused activation sets. */
typedef struct {
    const TK_ROM int32_t *multiplier;
    const TK_ROM uint8_t *shift;
    int32_t per_channel; /* 1, or 0 when entry 0 serves all channels */
    int32_t zero_point;
    int32_t min;
    int32_t max;
    int32_t double_rounding; /* 1: tk_requantize_double */
} tk_requant_s8;

/* As tk_requantize_s8, for what goes on computing: nothing is narrowed to a byte. */
TK_INLINE int32_t tk_requantize_wide(int32_t acc, int32_t channel, const tk_requant_s8 *r) {
    const int32_t i = channel * r->per_channel;
    const int32_t scaled = r->double_rounding ? tk_requantize_double(acc, r->multiplier[i], r->shift[i])
                                              : tk_requantize(acc, r->multiplier[i], r->shift[i]);
    const int32_t value = scaled + r->zero_point;
#ifdef __ARM_FEATURE_SAT
    if (r->min == -128 && r->max == 127) {
        int32_t saturated;
        __asm("ssat %0, #8, %1" : "=r"(saturated) : "r"(value));
        return saturated;
    }
#endif
    return tk_clamp(value, r->min, r->max);
}

TK_INLINE int8_t tk_requantize_s8(int32_t acc, int32_t channel, const tk_requant_s8 *r) {
    return (int8_t)tk_requantize_wide(acc, channel, r);
}

#endif
