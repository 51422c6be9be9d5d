/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_AVX2_H
#define TK_AVX2_H

#include "tk_simd.h"

/* Functions for processors with AVX2, in files that are compiled for any x86-64. */

#ifdef TK_HAS_AVX2
#include <immintrin.h>

#define TK_AVX2_FUNCTION static TK_NOINLINE TK_UNUSED __attribute__((target("avx2")))
#define TK_AVX2_INLINE static inline __attribute__((always_inline, unused, target("avx2")))

typedef struct {
    uint32_t a, b, c, d;
} tk_cpuid_result;

TK_INLINE tk_cpuid_result tk_cpuid(uint32_t leaf) {
    tk_cpuid_result r;
    __asm("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(0));
    return r;
}

/* True when processor and system run AVX2 (Intel's manual, volume 1, 14.7.1). By hand, because not every compiler
 * brings the library behind __builtin_cpu_supports. */
TK_INLINE int tk_cpu_has_avx2(void) {
    const uint32_t avx = tk_cpuid(1).c;
    if (tk_cpuid(0).a < 7 || !(avx >> 27 & 1) || !(avx >> 28 & 1)) return 0; /* OSXSAVE, AVX */
    uint32_t low, high;
    __asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6 && (tk_cpuid(7).b >> 5 & 1); /* the system keeps SSE and AVX registers */
}

/* The same, asked once: every thread that asks at the same time finds the same. */
static TK_UNUSED int tk_use_avx2(void) {
#ifdef __AVX2__
    return 1;
#else
    static volatile signed char known; /* 0: not yet */
    if (!known) known = tk_cpu_has_avx2() ? 1 : -1;
    return known > 0;
#endif
}

/* Load 8 bytes from any address; and 8 of them widened to 16 or 32 bits. */
TK_AVX2_INLINE __m128i tk_load8_avx2(const void *p) { return _mm_loadl_epi64((const __m128i *)p); }
TK_AVX2_INLINE __m256i tk_load_avx2(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

/* How eight neighbouring channels are requantized: 64-bit products of even and odd channels are shifted left, `add` is
 * added, they are shifted right without regard to the sign and put right by `subtract`; with double rounding 32 bits
 * are then left to shift right by `rest`. */
typedef struct {
    __m256i multiplier[2], left[2], add[2], right[2], subtract[2];
    __m256i rest, rest_half, rest_mask;
    __m256i zero_point, min, max;
    int twice;
} tk_requant_avx2;

TK_AVX2_INLINE tk_requant_avx2 tk_load_requant_avx2(const tk_requant_s8 *r, int32_t channel) {
    const __m256i one = _mm256_set1_epi64x(1), zero = _mm256_setzero_si256();
    const __m256i multiplier = tk_load_avx2(r->multiplier + channel);
    const __m256i shift = _mm256_cvtepu8_epi32(tk_load8_avx2(r->shift + channel));
    const __m256i excess = _mm256_sub_epi32(shift, _mm256_set1_epi32(31));
    const __m256i left = _mm256_max_epi32(_mm256_sub_epi32(zero, excess), zero);
    tk_requant_avx2 q;
    q.twice = r->double_rounding;
    q.rest = _mm256_max_epi32(excess, zero);
    q.rest_mask = _mm256_cmpgt_epi32(excess, zero);
    q.rest_half = _mm256_sllv_epi32(_mm256_set1_epi32(1), _mm256_sub_epi32(q.rest, _mm256_set1_epi32(1)));
    for (int i = 0; i < 2; ++i) { /* even channels lie in the low halves of 64 bits, then the odd ones do */
        const __m256i s = i ? _mm256_srli_epi64(shift, 32) : _mm256_blend_epi32(shift, zero, 0xAA);
        q.multiplier[i] = i ? _mm256_srli_epi64(multiplier, 32) : multiplier;
        q.left[i] = zero;
        q.right[i] = s;
        if (q.twice) {
            q.left[i] = i ? _mm256_srli_epi64(left, 32) : _mm256_blend_epi32(left, zero, 0xAA);
            q.right[i] = _mm256_set1_epi64x(31);
            q.add[i] = _mm256_set1_epi64x((int64_t)1 << 30);
            q.subtract[i] = zero;
        } else { /* 2^63 makes the sum positive */
            const __m256i top = _mm256_set1_epi64x(INT64_MIN);
            q.add[i] = _mm256_add_epi64(_mm256_sllv_epi64(one, _mm256_sub_epi64(s, one)), top);
            q.subtract[i] = _mm256_srlv_epi64(top, s);
        }
    }
    q.zero_point = _mm256_set1_epi32(r->zero_point);
    q.min = _mm256_set1_epi32(r->min);
    q.max = _mm256_set1_epi32(r->max);
    return q;
}

TK_AVX2_INLINE __m256i tk_scale_half_avx2(__m256i acc, const tk_requant_avx2 *q, int half) {
    __m256i x = _mm256_mul_epi32(acc, q->multiplier[half]);
    if (q->twice) x = _mm256_sllv_epi64(x, q->left[half]);
    x = _mm256_srlv_epi64(_mm256_add_epi64(x, q->add[half]), q->right[half]);
    return _mm256_sub_epi64(x, q->subtract[half]);
}

/* Requantize eight channels and store the first `count`. */
TK_AVX2_INLINE void tk_requantize_avx2(__m256i acc, const tk_requant_avx2 *q, int8_t *output, int32_t count) {
    const __m256i even = tk_scale_half_avx2(acc, q, 0);
    const __m256i odd = tk_scale_half_avx2(_mm256_srli_epi64(acc, 32), q, 1);
    __m256i x = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
    if (q->twice) { /* half away from zero */
        const __m256i negative = _mm256_and_si256(_mm256_srai_epi32(x, 31), q->rest_mask);
        x = _mm256_srav_epi32(_mm256_add_epi32(_mm256_add_epi32(x, q->rest_half), negative), q->rest);
    }
    x = _mm256_add_epi32(x, q->zero_point);
    x = _mm256_max_epi32(q->min, _mm256_min_epi32(x, q->max));
    const __m128i lanes = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    const __m128i bytes = _mm_packs_epi16(lanes, lanes);
    if (count >= 8) {
        _mm_storel_epi64((__m128i *)(void *)output, bytes);
        return;
    }
    int8_t all[16];
    _mm_storeu_si128((__m128i *)(void *)all, bytes);
    for (int32_t i = 0; i < count; ++i) output[i] = all[i];
}
#endif

#endif
