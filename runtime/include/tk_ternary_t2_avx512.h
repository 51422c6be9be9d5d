/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_T2_AVX512_H
#define TK_TERNARY_T2_AVX512_H

#include "tk_ternary_avx512.h"

/* t2 with vpdpbusd. Fields stay where they are in their byte, so that one AND is all that a row costs: rows 1 and 2
 * count 4 and 16 times, and row 3 is what the whole byte's sum leaves, counting 64 times. */

#ifdef TK_HAS_AVX512
TK_AVX512_INLINE void tk_dot_t2_avx512(__m512i *sum, __m512i codes, __m512i x) {
    sum[0] = tk_dot_avx512(sum[0], _mm512_and_si512(codes, _mm512_set1_epi8(3)), x);
    sum[1] = tk_dot_avx512(sum[1], _mm512_and_si512(codes, _mm512_set1_epi8(12)), x);
    sum[2] = tk_dot_avx512(sum[2], _mm512_and_si512(codes, _mm512_set1_epi8(48)), x);
    sum[3] = tk_dot_avx512(sum[3], codes, x);
}

TK_AVX512_INLINE void tk_finish_t2_avx512(const __m512i *sum, int32_t total, int32_t *sums) {
    const __m128i all = tk_add_lanes_avx512(sum[0], sum[1], sum[2], sum[3]);
    const __m128i others = _mm_mask_sub_epi32(
        all, 8, all,
        _mm_add_epi32(_mm_shuffle_epi32(all, 0x00),
                      _mm_add_epi32(_mm_shuffle_epi32(all, 0x55), _mm_shuffle_epi32(all, 0xAA))));
    const __m128i scaled = _mm_srav_epi32(others, _mm_setr_epi32(0, 2, 4, 6));
    const __m128i found = _mm_sub_epi32(scaled, _mm_set1_epi32(total));
    __m128i *const to = (__m128i *)(void *)sums;
    _mm_storeu_si128(to, _mm_add_epi32(_mm_loadu_si128(to), found));
}

/* One column: two vectors at a time, with sums of their own. */
TK_AVX512_INLINE void tk_column_t2_avx512(const tk_ternary_part *p, int32_t i) {
    const int32_t depth = p->depth, total = tk_total_avx512(p->column[i], depth);
    const int8_t *const x = p->column[i];
    int32_t *sums = p->sums + i * TK_TERNARY_BLOCK_ROWS;
    for (int32_t g = 0; g < p->groups; ++g, sums += TK_T2_ROWS) {
        const uint8_t *const group = p->weight + (int64_t)g * p->pitch;
        __m512i a[4], b[4];
        TK_UNROLLED for (int32_t row = 0; row < 4; ++row) a[row] = b[row] = _mm512_setzero_si512();
        int32_t k = 0;
        for (; k + 128 <= depth; k += 128) {
            tk_dot_t2_avx512(a, tk_load_avx512(group + k, 64), tk_load_avx512(x + k, 64));
            tk_dot_t2_avx512(b, tk_load_avx512(group + k + 64, 64), tk_load_avx512(x + k + 64, 64));
        }
        for (; k < depth; k += 64) {
            tk_dot_t2_avx512(a, tk_load_avx512(group + k, depth - k), tk_load_avx512(x + k, depth - k));
        }
        TK_UNROLLED for (int32_t row = 0; row < 4; ++row) a[row] = _mm512_add_epi32(a[row], b[row]);
        tk_finish_t2_avx512(a, total, sums);
    }
}

/* Four columns: a vector of weights serves them all. */
TK_AVX512_INLINE void tk_four_columns_t2_avx512(__m512i acc[][4], const tk_ternary_part *p,
                                                const uint8_t *group, int32_t k, int32_t left) {
    const __m512i codes = tk_load_avx512(group + k, left);
    TK_UNROLLED for (int32_t i = 0; i < TK_TERNARY_COLUMNS; ++i) {
        tk_dot_t2_avx512(acc[i], codes, tk_load_avx512(p->column[i] + k, left));
    }
}

TK_TERNARY_SUMS_AVX512(t2, 4, TK_T2_ROWS)
#endif

#endif
