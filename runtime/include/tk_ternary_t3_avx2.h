/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_T3_AVX2_H
#define TK_TERNARY_T3_AVX2_H

#include "tk_ternary_avx2.h"

/* t3 with vpmaddubsw, for which bytes are too large: digits, from two comparisons each. A lane takes 2 * 2 * 128 a
 * time, and 64 times. */

#ifdef TK_HAS_AVX2
/* `y` less 128: the digit is 0 below 86 - 128, 2 from 171 - 128 on, and 1 between. */
TK_AVX2_INLINE __m256i tk_digit_avx2(__m256i y) {
    const __m256i below = _mm256_cmpgt_epi8(_mm256_set1_epi8(86 - 128), y);
    const __m256i above = _mm256_cmpgt_epi8(y, _mm256_set1_epi8(170 - 128));
    return _mm256_sub_epi8(_mm256_add_epi8(below, _mm256_set1_epi8(1)), above);
}

TK_AVX2_INLINE void tk_dot_t3_avx2(__m256i acc[][TK_T3_ROWS], __m256i codes, const tk_column_avx2 *column,
                                   int32_t k, const int whole, const int32_t columns) {
    __m256i x[2], y = _mm256_xor_si256(codes, _mm256_set1_epi8(INT8_MIN));
    x[0] = x[1] = tk_load_column_avx2(column, k, whole);
    if (columns > 1) x[1] = tk_load_column_avx2(column + 1, k, whole);
    TK_UNROLLED for (int32_t r = 0; r < TK_T3_ROWS; ++r) {
        const __m256i digit = tk_digit_avx2(y);
        acc[0][r] = tk_dot_avx2(acc[0][r], digit, x[0]);
        if (columns > 1) acc[1][r] = tk_dot_avx2(acc[1][r], digit, x[1]);
        y = _mm256_add_epi8(y, _mm256_add_epi8(y, y)); /* 3 (y - 128) = 3 y - 128 modulo 256 */
    }
}

TK_AVX2_INLINE void tk_columns_t3_avx2(const tk_ternary_part *p, int32_t i, const int32_t columns) {
    const int32_t depth = p->depth;
    tk_column_avx2 column[2];
    for (int32_t c = 0; c < columns; ++c) tk_start_column_avx2(column + c, p->column[i + c], depth);
    for (int32_t g = 0; g < p->groups; ++g) {
        const uint8_t *const group = p->weight + (int64_t)g * p->pitch;
        __m256i sum[2][TK_T3_ROWS];
        TK_UNROLLED for (int32_t r = 0; r < TK_T3_ROWS; ++r) sum[0][r] = sum[1][r] = _mm256_setzero_si256();
        for (int32_t k = 0; k < depth;) {
            const int32_t stop = tk_min(depth, k + 64 * 32);
            __m256i acc[2][TK_T3_ROWS];
            TK_UNROLLED for (int32_t r = 0; r < TK_T3_ROWS; ++r) acc[0][r] = acc[1][r] =
                _mm256_setzero_si256();
            for (; k + 32 <= stop; k += 32) {
                tk_dot_t3_avx2(acc, tk_load_avx2(group + k), column, k, 1, columns);
            }
            if (k < stop) {
                const __m256i codes = tk_load_before_avx2(group + k, stop - k, p->end);
                tk_dot_t3_avx2(acc, codes, column, k, 0, columns);
                k = stop;
            }
            TK_UNROLLED for (int32_t r = 0; r < TK_T3_ROWS; ++r) {
                sum[0][r] = tk_widen_avx2(sum[0][r], acc[0][r]);
                if (columns > 1) sum[1][r] = tk_widen_avx2(sum[1][r], acc[1][r]);
            }
        }
        for (int32_t c = 0; c < columns; ++c) {
            int32_t *const sums = p->sums + (i + c) * TK_TERNARY_BLOCK_ROWS + g * TK_T3_ROWS;
            const __m128i four = tk_add_lanes_avx2(sum[c][0], sum[c][1], sum[c][2], sum[c][3]);
            const __m128i last = tk_add_lanes_avx2(sum[c][4], sum[c][4], sum[c][4], sum[c][4]);
            tk_add_to_avx2(sums, _mm_sub_epi32(four, _mm_set1_epi32(column[c].total)));
            sums[4] += _mm_cvtsi128_si32(last) - column[c].total;
        }
    }
}

TK_AVX2_FUNCTION void tk_ternary_sums_t3_avx2(const tk_ternary_part *p) {
    int32_t i = 0;
    for (; i + 2 <= p->columns; i += 2) tk_columns_t3_avx2(p, i, 2);
    if (i < p->columns) tk_columns_t3_avx2(p, i, 1);
}
#endif

#endif
