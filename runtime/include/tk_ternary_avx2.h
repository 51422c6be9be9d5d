/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_AVX2_H
#define TK_TERNARY_AVX2_H

#include "tk_avx2.h"
#include "tk_ternary_sums.h"

/* What the kernels for t2 and t3 on AVX2 share. */

#ifdef TK_HAS_AVX2
/* The 32 bytes at p, of which `left` count and the others are anything; nothing is read from `end` on. */
TK_AVX2_INLINE __m256i tk_load_before_avx2(const void *p, int32_t left, const void *end) {
    if ((const char *)end - (const char *)p >= 32) return tk_load_avx2(p);
    uint8_t copy[32] = {0};
    for (int32_t k = 0; k < left; ++k) copy[k] = ((const uint8_t *)p)[k];
    return tk_load_avx2(copy);
}

/* One or two columns. Where the last 32 values are not whole, `tail` holds them, and zeros. */
typedef struct {
    const int8_t *x;
    int32_t total;
    int8_t tail[32];
} tk_column_avx2;

TK_AVX2_INLINE __m256i tk_load_column_avx2(const tk_column_avx2 *c, int32_t k, const int whole) {
    return tk_load_avx2(whole ? c->x + k : c->tail);
}

TK_AVX2_INLINE void tk_start_column_avx2(tk_column_avx2 *c, const int8_t *x, int32_t depth) {
    const __m256i one = _mm256_set1_epi8(1), pairs = _mm256_set1_epi16(1);
    __m256i sum = _mm256_setzero_si256();
    c->x = x;
    for (int32_t k = 0; k < 32; ++k) c->tail[k] = 0;
    for (int32_t k = depth & ~31; k < depth; ++k) c->tail[k & 31] = x[k];
    for (int32_t k = 0; k < depth; k += 32) {
        const __m256i two = _mm256_maddubs_epi16(one, tk_load_column_avx2(c, k, depth - k >= 32));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(two, pairs));
    }
    int32_t lanes[8];
    _mm256_storeu_si256((__m256i *)(void *)lanes, sum);
    c->total = lanes[0] + lanes[1] + lanes[2] + lanes[3] + lanes[4] + lanes[5] + lanes[6] + lanes[7];
}

/* sum + products of unsigned and signed bytes, two to each 16-bit lane. */
TK_AVX2_INLINE __m256i tk_dot_avx2(__m256i sum, __m256i codes, __m256i x) {
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(codes, x));
}

TK_AVX2_INLINE __m256i tk_widen_avx2(__m256i sum, __m256i lanes) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(lanes, _mm256_set1_epi16(1)));
}

/* The sums of four vectors' lanes. */
TK_AVX2_INLINE __m128i tk_add_lanes_avx2(__m256i a, __m256i b, __m256i c, __m256i d) {
    const __m256i all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

TK_AVX2_INLINE void tk_add_to_avx2(int32_t *sums, __m128i found) {
    __m128i *const to = (__m128i *)(void *)sums;
    _mm_storeu_si128(to, _mm_add_epi32(_mm_loadu_si128(to), found));
}
#endif

#endif
