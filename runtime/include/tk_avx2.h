/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_AVX2_H
#define TK_AVX2_H

#include "tk_simd.h"

/* Functions for processors with AVX2, in files that are compiled for any x86-64. */

#ifdef TK_HAS_AVX2
#include <immintrin.h>

#define TK_AVX2_FUNCTION static TK_NOINLINE TK_UNUSED __attribute__((target("avx2")))
#define TK_AVX2_INLINE static inline __attribute__((always_inline, unused, target("avx2")))

/* What processor and system run together. */
#define TK_CPU_AVX2 1
#define TK_CPU_AVX_VNNI 2    /* vpdpbusd, encoded as AVX2 */
#define TK_CPU_AVX512_VNNI 4 /* the same, encoded as AVX-512 with 256-bit vectors */
#define TK_CPU_AVX512_BW 8   /* that, with all that AVX-512 has for bytes in 512-bit vectors */

typedef struct {
    uint32_t a, b, c, d;
} tk_cpuid_result;

TK_INLINE tk_cpuid_result tk_cpuid(uint32_t leaf, uint32_t part) {
    tk_cpuid_result r;
    __asm("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(part));
    return r;
}

/* Ask the processor (Intel's manual, volume 1, chapters 14 and 15). By hand, because not every compiler brings the
 * library behind __builtin_cpu_supports. */
TK_INLINE int tk_ask_cpu(void) {
    const uint32_t basic = tk_cpuid(1, 0).c;
    if (tk_cpuid(0, 0).a < 7 || !(basic >> 27 & 1) || !(basic >> 28 & 1)) return 0; /* OSXSAVE, AVX */
    uint32_t kept, high;
    __asm("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
    const tk_cpuid_result more = tk_cpuid(7, 0);
    if ((kept & 0x6) != 0x6 || !(more.b >> 5 & 1)) return 0; /* the system keeps these registers */
    int found = TK_CPU_AVX2;
    if (more.a >= 1 && (tk_cpuid(7, 1).a >> 4 & 1)) found |= TK_CPU_AVX_VNNI;
    const int avx512 = (kept & 0xE6) == 0xE6 && (more.b >> 16 & 1) && (more.b >> 31 & 1); /* F, VL */
    if (avx512 && (more.c >> 11 & 1)) found |= TK_CPU_AVX512_VNNI;
    if ((found & TK_CPU_AVX512_VNNI) && (more.b >> 30 & 1)) found |= TK_CPU_AVX512_BW;
    return found;
}

/* What may be used of it; tests build for less. */
#ifndef TK_CPU_MASK
#define TK_CPU_MASK 15
#endif

/* The same, asked once: threads that ask at the same time find the same. */
static TK_UNUSED int tk_cpu(void) {
    static signed char known = -1;
    int found = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (found < 0) {
        found = tk_ask_cpu() & TK_CPU_MASK;
        __atomic_store_n(&known, (signed char)found, __ATOMIC_RELAXED);
    }
    return found;
}

/* Load 8 bytes from any address; and 8 of them widened to 16 or 32 bits. */
TK_AVX2_INLINE __m128i tk_load8_avx2(const void *p) { return _mm_loadl_epi64((const __m128i *)p); }
TK_AVX2_INLINE __m256i tk_load_avx2(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

/* How eight neighbouring channels are requantized: by the high part of a 64-bit product, then a 32-bit shift. */
typedef struct {
    __m256i multiplier, odd_multiplier, shift, half;
    __m256i zero_point, min, max;
    const tk_requant_s8 *scales;
    int32_t channel;
    int one_by_one; /* a multiplier too large for that: as tk_requantize_s8 */
} tk_requant_avx2;

TK_AVX2_INLINE tk_requant_avx2 tk_load_requant_avx2(const tk_requant_s8 *r, int32_t channel) {
    const __m256i one = _mm256_set1_epi32(1);
    const __m256i shift = _mm256_cvtepu8_epi32(tk_load8_avx2(r->shift + channel));
    tk_requant_avx2 q;
    q.scales = r;
    q.channel = channel;
    q.multiplier = tk_load_avx2(r->multiplier + channel);
    q.odd_multiplier = _mm256_srli_epi64(q.multiplier, 32);
    q.shift = _mm256_sub_epi32(shift, _mm256_set1_epi32(r->double_rounding ? 31 : 32));
    q.half = _mm256_sllv_epi32(one, _mm256_sub_epi32(q.shift, one)); /* 0 where nothing is left to shift */
    const __m256i least = r->double_rounding ? _mm256_setzero_si256() : one;
    q.one_by_one = _mm256_movemask_epi8(_mm256_cmpgt_epi32(least, q.shift));
    q.zero_point = _mm256_set1_epi32(r->zero_point);
    q.min = _mm256_set1_epi32(r->min);
    q.max = _mm256_set1_epi32(r->max);
    return q;
}

TK_AVX2_INLINE __m256i tk_scale_avx2(__m256i acc, const tk_requant_avx2 *q) {
    __m256i even = _mm256_mul_epi32(acc, q->multiplier);
    __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(acc, 32), q->odd_multiplier);
    if (!q->scales->double_rounding) {
        const __m256i high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
        return _mm256_srav_epi32(_mm256_add_epi32(high, q->half), q->shift);
    }
    const __m256i half = _mm256_set1_epi64x((int64_t)1 << 30);
    even = _mm256_srli_epi64(_mm256_add_epi64(even, half), 31);
    odd = _mm256_slli_epi64(_mm256_add_epi64(odd, half), 1);
    const __m256i high = _mm256_blend_epi32(even, odd, 0xAA);
    const __m256i negative =
        _mm256_and_si256(_mm256_srai_epi32(high, 31), _mm256_cmpgt_epi32(q->half, _mm256_setzero_si256()));
    return _mm256_srav_epi32(_mm256_add_epi32(_mm256_add_epi32(high, q->half), negative), q->shift);
}

/* Requantize eight channels and store the first `count`. */
TK_AVX2_INLINE void tk_requantize_avx2(__m256i acc, const tk_requant_avx2 *q, int8_t *output, int32_t count) {
    if (q->one_by_one) {
        int32_t sums[8];
        _mm256_storeu_si256((__m256i *)(void *)sums, acc);
        for (int32_t i = 0; i < tk_min(count, 8); ++i) {
            output[i] = tk_requantize_s8(sums[i], q->channel + i, q->scales);
        }
        return;
    }
    __m256i x = _mm256_add_epi32(tk_scale_avx2(acc, q), q->zero_point);
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
