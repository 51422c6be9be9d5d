/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_T3_AVX512_H
#define TK_TERNARY_T3_AVX512_H

#include "tk_ternary_avx512.h"

/* t3 with vpdpbusd, which no digit is cut out for: of each byte y, 3 y, 9 y, ... 243 y are summed, each modulo 256, two
 * additions apart. Three times one sum less the next is 256 times a row's (tk_dot_t3). */

#ifdef TK_HAS_AVX512
#define TK_T3_AHEAD 8192 /* bytes: processors foresee one stream of weights, but not two */

TK_AVX512_INLINE __m512i tk_triple_avx512(__m512i y) {
    __m512i twice = _mm512_add_epi8(y, y);
    __asm("" : "+v"(twice));
    return _mm512_add_epi8(twice, y);
}

/* From the six sums: the first four in `low`, the others in `high`. */
TK_AVX512_INLINE void tk_finish_group_t3_avx512(__m128i low, __m128i high, int32_t total, int32_t *sums) {
    const __m128i next = _mm_alignr_epi8(high, low, 4);
    const __m128i four = _mm_sub_epi32(_mm_add_epi32(low, _mm_add_epi32(low, low)), next);
    const __m128i found = _mm_sub_epi32(_mm_srai_epi32(four, 8), _mm_set1_epi32(total));
    __m128i *const to = (__m128i *)(void *)sums;
    _mm_storeu_si128(to, _mm_add_epi32(_mm_loadu_si128(to), found));
    sums[4] += ((3 * _mm_cvtsi128_si32(high) - _mm_extract_epi32(high, 1)) >> 8) - total;
}

TK_AVX512_INLINE void tk_finish_t3_avx512(const __m512i *sum, int32_t total, int32_t *sums) {
    const __m128i rest = tk_add_lanes_avx512(sum[4], sum[5], sum[4], sum[5]);
    tk_finish_group_t3_avx512(tk_add_lanes_avx512(sum[0], sum[1], sum[2], sum[3]), rest, total, sums);
}

TK_AVX512_INLINE void tk_two_groups_t3_avx512(__m512i *a, __m512i *b, const uint8_t *v, const uint8_t *w,
                                              const int8_t *x, int32_t k, int32_t left) {
    __builtin_prefetch(v + 2 * k + TK_T3_AHEAD);
    __builtin_prefetch(v + 2 * k + TK_T3_AHEAD + 64);
    const __m512i values = tk_load_avx512(x + k, left);
    __m512i y = tk_load_avx512(v + k, left), z = tk_load_avx512(w + k, left);
    TK_UNROLLED for (int32_t row = 0; row < 6; ++row) {
        a[row] = tk_dot_avx512(a[row], y, values);
        y = tk_triple_avx512(y);
        b[row] = tk_dot_avx512(b[row], z, values);
        z = tk_triple_avx512(z);
    }
}

/* One column: two groups at a time, which the reduction of their sums and the end of a loop then cost once. Weights are
 * fetched ahead in the order in which they lie. */
TK_AVX512_INLINE void tk_column_t3_avx512(const tk_ternary_part *p, int32_t i) {
    const int32_t depth = p->depth, total = tk_total_avx512(p->column[i], depth);
    const int8_t *const x = p->column[i];
    int32_t *sums = p->sums + i * TK_TERNARY_BLOCK_ROWS;
    for (int32_t g = 0; g < p->groups; g += 2, sums += 2 * TK_T3_ROWS) {
        const int two = g + 1 < p->groups;
        const uint8_t *const v = p->weight + (int64_t)g * p->pitch, *const w = two ? v + p->pitch : v;
        __m512i a[6], b[6];
        TK_UNROLLED for (int32_t row = 0; row < 6; ++row) a[row] = b[row] = _mm512_setzero_si512();
        int32_t k = 0;
        for (; k + 64 <= depth; k += 64) tk_two_groups_t3_avx512(a, b, v, w, x, k, 64);
        if (k < depth) tk_two_groups_t3_avx512(a, b, v, w, x, k, depth - k);
        const __m128i rest = tk_add_lanes_avx512(a[4], a[5], b[4], b[5]);
        tk_finish_group_t3_avx512(tk_add_lanes_avx512(a[0], a[1], a[2], a[3]), rest, total, sums);
        if (!two) break;
        tk_finish_group_t3_avx512(tk_add_lanes_avx512(b[0], b[1], b[2], b[3]), _mm_unpackhi_epi64(rest, rest),
                                  total, sums + TK_T3_ROWS);
    }
}

/* Four columns: a vector of weights serves them all. */
TK_AVX512_INLINE void tk_four_columns_t3_avx512(__m512i acc[][6], const tk_ternary_part *p,
                                                const uint8_t *group, int32_t k, int32_t left) {
    __m512i x[TK_TERNARY_COLUMNS], y = tk_load_avx512(group + k, left);
    TK_UNROLLED for (int32_t i = 0; i < TK_TERNARY_COLUMNS; ++i) x[i] =
        tk_load_avx512(p->column[i] + k, left);
    TK_UNROLLED for (int32_t row = 0; row < 6; ++row) {
        TK_UNROLLED for (int32_t i = 0; i < TK_TERNARY_COLUMNS; ++i) {
            acc[i][row] = tk_dot_avx512(acc[i][row], y, x[i]);
        }
        y = tk_triple_avx512(y);
    }
}

TK_TERNARY_SUMS_AVX512(t3, 6, TK_T3_ROWS)
#endif

#endif
