/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_NEON_H
#define TK_TERNARY_NEON_H

#include "tk_neon.h"
#include "tk_ternary_sums.h"

/* What the kernels for t2 and t3 on NEON share; and whether the processor has its dot products, which Linux says. */

#ifdef TK_HAS_NEON
#define TK_CPU_NEON_DOT 1

/* What may be used; tests build for less. */
#ifndef TK_CPU_MASK
#define TK_CPU_MASK 1
#endif

#if defined(__ARM_FEATURE_DOTPROD)
#define TK_HAS_NEON_DOT
#define TK_NEON_DOT_TARGET
TK_INLINE int tk_cpu(void) { return TK_CPU_NEON_DOT & TK_CPU_MASK; }
#elif defined(__linux__)
#include <sys/auxv.h>
#define TK_HAS_NEON_DOT
#if defined(__clang__)
#define TK_NEON_DOT_TARGET __attribute__((target("dotprod")))
#else
#define TK_NEON_DOT_TARGET __attribute__((target("arch=armv8.2-a+dotprod")))
#endif
TK_INLINE int tk_cpu(void) { return (int)(getauxval(AT_HWCAP) >> 20 & TK_CPU_NEON_DOT) & TK_CPU_MASK; }
#endif

/* The 16 bytes at p, of which `left` count and the others are anything; nothing is read from `end` on. */
TK_INLINE uint8x16_t tk_load_before_neon(const uint8_t *p, int32_t left, const uint8_t *end) {
    if (end - p >= 16) return vld1q_u8(p);
    uint8_t copy[16] = {0};
    for (int32_t k = 0; k < left; ++k) copy[k] = p[k];
    return vld1q_u8(copy);
}

/* A column. Where the last 16 values are not whole, `tail` holds them, and zeros. */
typedef struct {
    const int8_t *x;
    int32_t total;
    int8_t tail[16];
} tk_column_neon;

TK_INLINE int8x16_t tk_load_column_neon(const tk_column_neon *c, int32_t k, int32_t depth) {
    return vld1q_s8(depth - k >= 16 ? c->x + k : c->tail);
}

TK_INLINE void tk_start_column_neon(tk_column_neon *c, const int8_t *x, int32_t depth) {
    int32x4_t sum = vdupq_n_s32(0);
    c->x = x;
    for (int32_t k = 0; k < 16; ++k) c->tail[k] = 0;
    for (int32_t k = depth & ~15; k < depth; ++k) c->tail[k & 15] = x[k];
    for (int32_t k = 0; k < depth; k += 16) {
        sum = vpadalq_s16(sum, vpaddlq_s8(tk_load_column_neon(c, k, depth)));
    }
    c->total = vaddvq_s32(sum);
}

/* sum + products of signed bytes, two to each 16-bit lane. */
TK_INLINE int16x8_t tk_dot_neon(int16x8_t sum, int8x16_t codes, int8x16_t x) {
    return vmlal_high_s8(vmlal_s8(sum, vget_low_s8(codes), vget_low_s8(x)), codes, x);
}

/* The four fields of t2: of these the second and fourth count 4 times. */
TK_INLINE void tk_fields_neon(uint8x16_t codes, int8x16_t *field) {
    const uint8x16_t first = vdupq_n_u8(3), second = vdupq_n_u8(12), high = vshrq_n_u8(codes, 4);
    field[0] = vreinterpretq_s8_u8(vandq_u8(codes, first));
    field[1] = vreinterpretq_s8_u8(vandq_u8(codes, second));
    field[2] = vreinterpretq_s8_u8(vandq_u8(high, first));
    field[3] = vreinterpretq_s8_u8(vandq_u8(high, second));
}

/* Add a group's sums for t2. */
TK_INLINE void tk_finish_t2_neon(const int32x4_t *sum, int32_t total, int32_t *sums) {
    static const int32_t shift[4] = {0, -2, 0, -2};
    const int32x4_t all = vpaddq_s32(vpaddq_s32(sum[0], sum[1]), vpaddq_s32(sum[2], sum[3]));
    const int32x4_t found = vsubq_s32(vshlq_s32(all, vld1q_s32(shift)), vdupq_n_s32(total));
    vst1q_s32(sums, vaddq_s32(vld1q_s32(sums), found));
}

/* -128 less than a byte of t3, so that it is signed: three times it is then what the next digit begins with, too. */
TK_INLINE int8x16_t tk_signed_neon(uint8x16_t codes) {
    return vreinterpretq_s8_u8(veorq_u8(codes, vdupq_n_u8(128)));
}
TK_INLINE int8x16_t tk_triple_neon(int8x16_t y) { return vaddq_s8(y, vaddq_s8(y, y)); }
#endif

#endif
