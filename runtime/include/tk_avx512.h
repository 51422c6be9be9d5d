/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_AVX512_H
#define TK_AVX512_H

#include "tk_avx2.h"

/* Functions for processors with AVX-512 for bytes and its dot products, in files that are compiled for any x86-64. */

#if defined(TK_HAS_AVX2) && (defined(__clang__) ? __clang_major__ >= 8 : __GNUC__ >= 9)
#define TK_HAS_AVX512

#define TK_AVX512_TARGET target("avx512f,avx512bw,avx512vl,avx512vnni")
#define TK_AVX512_FUNCTION static TK_NOINLINE TK_UNUSED __attribute__((TK_AVX512_TARGET))
#define TK_AVX512_INLINE static inline __attribute__((always_inline, unused, TK_AVX512_TARGET))

/* The first `left` bytes, zeros behind them. */
TK_AVX512_INLINE __m512i tk_load_avx512(const void *p, int32_t left) {
    __m512i v;
    if (left >= 64) {
        v = _mm512_loadu_si512(p);
    } else {
        v = _mm512_maskz_loadu_epi8(left <= 0 ? 0 : ~UINT64_C(0) >> (64 - left), p);
    }
    __asm("" : "+v"(v)); /* load once: what follows would rather name the address several times */
    return v;
}

/* sum + four products of each lane's unsigned and signed bytes. By hand, since GCC copies sums around the intrinsic. */
TK_AVX512_INLINE __m512i tk_dot_avx512(__m512i sum, __m512i codes, __m512i x) {
    __asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(codes), "v"(x));
    return sum;
}

/* Operations without a mask: GCC's own forms of these pass a vector that it then warns of as uninitialized. */
#define TK_BOTH_EPI32(operation, a, b) _mm512_maskz_##operation##_epi32(0xFFFF, a, b)
#define TK_BOTH_EPI64(operation, a, b) _mm512_maskz_##operation##_epi64(0xFF, a, b)

/* The sum of the vector's four quarters. */
TK_AVX512_INLINE __m128i tk_add_quarters_avx512(__m512i all) {
    const __m256i half = _mm256_add_epi32(_mm512_maskz_extracti64x4_epi64(0xFF, all, 0),
                                          _mm512_maskz_extracti64x4_epi64(0xFF, all, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* The sums of four vectors' lanes. */
TK_AVX512_INLINE __m128i tk_add_lanes_avx512(__m512i a, __m512i b, __m512i c, __m512i d) {
    const __m512i ab = _mm512_add_epi32(TK_BOTH_EPI32(unpacklo, a, b), TK_BOTH_EPI32(unpackhi, a, b));
    const __m512i cd = _mm512_add_epi32(TK_BOTH_EPI32(unpacklo, c, d), TK_BOTH_EPI32(unpackhi, c, d));
    return tk_add_quarters_avx512(
        _mm512_add_epi32(TK_BOTH_EPI64(unpacklo, ab, cd), TK_BOTH_EPI64(unpackhi, ab, cd)));
}

/* Sum of x over `depth` values. */
TK_AVX512_INLINE int32_t tk_total_avx512(const int8_t *x, int32_t depth) {
    const __m512i one = _mm512_set1_epi8(1);
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    int32_t k = 0;
    for (; k + 256 <= depth; k += 256) {
        a = tk_dot_avx512(a, one, tk_load_avx512(x + k, 64));
        b = tk_dot_avx512(b, one, tk_load_avx512(x + k + 64, 64));
        c = tk_dot_avx512(c, one, tk_load_avx512(x + k + 128, 64));
        d = tk_dot_avx512(d, one, tk_load_avx512(x + k + 192, 64));
    }
    for (; k < depth; k += 64) a = tk_dot_avx512(a, one, tk_load_avx512(x + k, depth - k));
    const __m128i four =
        tk_add_quarters_avx512(_mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d)));
    const __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return _mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 1);
}
#endif

#endif
