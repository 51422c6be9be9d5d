/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_T2_AVX2_H
#define TK_TERNARY_T2_AVX2_H

#include "tk_ternary_avx2.h"

/* t2 with vpmaddubsw, which adds two products into 16 bits. A code in place counts 4 at most, so a lane takes
 * 2 * 8 * 128 a time, and 16 times. */

#ifdef TK_HAS_AVX2
TK_AVX2_INLINE void tk_dot_t2_avx2(__m256i acc[][4], __m256i codes, const tk_column_avx2 *column, int32_t k,
                                   const int whole, const int32_t columns) {
    const __m256i first = _mm256_set1_epi8(3), second = _mm256_set1_epi8(12);
    const __m256i high = _mm256_srli_epi16(codes, 4);
    const __m256i row[4] = {_mm256_and_si256(codes, first), _mm256_and_si256(codes, second),
                            _mm256_and_si256(high, first), _mm256_and_si256(high, second)};
    TK_UNROLLED for (int32_t i = 0; i < columns; ++i) {
        const __m256i x = tk_load_column_avx2(column + i, k, whole);
        TK_UNROLLED for (int32_t r = 0; r < 4; ++r) acc[i][r] = tk_dot_avx2(acc[i][r], row[r], x);
    }
}

TK_AVX2_INLINE void tk_columns_t2_avx2(const tk_ternary_part *p, int32_t i, const int32_t columns) {
    const int32_t depth = p->depth;
    tk_column_avx2 column[2];
    for (int32_t c = 0; c < columns; ++c) tk_start_column_avx2(column + c, p->column[i + c], depth);
    for (int32_t g = 0; g < p->groups; ++g) {
        const uint8_t *const group = p->weight + (int64_t)g * p->pitch;
        __m256i sum[2][4];
        TK_UNROLLED for (int32_t r = 0; r < 4; ++r) sum[0][r] = sum[1][r] = _mm256_setzero_si256();
        for (int32_t k = 0; k < depth;) {
            const int32_t stop = tk_min(depth, k + 16 * 32);
            __m256i acc[2][4];
            TK_UNROLLED for (int32_t r = 0; r < 4; ++r) acc[0][r] = acc[1][r] = _mm256_setzero_si256();
            for (; k + 64 <= stop; k += 64) {
                tk_dot_t2_avx2(acc, tk_load_avx2(group + k), column, k, 1, columns);
                tk_dot_t2_avx2(acc, tk_load_avx2(group + k + 32), column, k + 32, 1, columns);
            }
            for (; k + 32 <= stop; k += 32) {
                tk_dot_t2_avx2(acc, tk_load_avx2(group + k), column, k, 1, columns);
            }
            if (k < stop) {
                tk_dot_t2_avx2(acc, tk_load_before_avx2(group + k, stop - k, p->end), column, k, 0, columns);
                k = stop;
            }
            TK_UNROLLED for (int32_t r = 0; r < 4; ++r) {
                sum[0][r] = tk_widen_avx2(sum[0][r], acc[0][r]);
                if (columns > 1) sum[1][r] = tk_widen_avx2(sum[1][r], acc[1][r]);
            }
        }
        for (int32_t c = 0; c < columns; ++c) {
            const __m128i scaled = tk_add_lanes_avx2(sum[c][0], sum[c][1], sum[c][2], sum[c][3]);
            const __m128i found = _mm_srav_epi32(scaled, _mm_setr_epi32(0, 2, 0, 2));
            tk_add_to_avx2(p->sums + (i + c) * TK_TERNARY_BLOCK_ROWS + g * TK_T2_ROWS,
                           _mm_sub_epi32(found, _mm_set1_epi32(column[c].total)));
        }
    }
}

TK_AVX2_FUNCTION void tk_ternary_sums_t2_avx2(const tk_ternary_part *p) {
    int32_t i = 0;
    for (; i + 2 <= p->columns; i += 2) tk_columns_t2_avx2(p, i, 2);
    if (i < p->columns) tk_columns_t2_avx2(p, i, 1);
}
#endif

#endif
