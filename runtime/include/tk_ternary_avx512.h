/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_AVX512_H
#define TK_TERNARY_AVX512_H

#include "tk_avx512.h"
#include "tk_ternary_sums.h"

/* The sums of up to four columns, for a packing whose groups of `rows` rows are summed in so many `vectors`:
 * tk_four_columns_* adds a vector of weights' products to four columns' sums, tk_finish_* makes rows of a column's, and
 * tk_column_* does all of one column. */
#define TK_TERNARY_SUMS_AVX512(packing, vectors, rows)                                                 \
    TK_AVX512_INLINE void tk_columns_##packing##_avx512(const tk_ternary_part *p) {                    \
        const int32_t depth = p->depth;                                                                \
        int32_t total[TK_TERNARY_COLUMNS];                                                             \
        TK_UNROLLED for (int32_t i = 0; i < TK_TERNARY_COLUMNS; ++i) {                                 \
            total[i] = tk_total_avx512(p->column[i], depth);                                           \
        }                                                                                              \
        for (int32_t g = 0; g < p->groups; ++g) {                                                      \
            const uint8_t *const group = p->weight + (int64_t)g * p->pitch;                            \
            __m512i acc[TK_TERNARY_COLUMNS][vectors];                                                  \
            TK_UNROLLED for (int32_t i = 0; i < TK_TERNARY_COLUMNS; ++i) {                             \
                TK_UNROLLED for (int32_t v = 0; v < vectors; ++v) acc[i][v] = _mm512_setzero_si512();  \
            }                                                                                          \
            int32_t k = 0;                                                                             \
            for (; k + 64 <= depth; k += 64) tk_four_columns_##packing##_avx512(acc, p, group, k, 64); \
            if (k < depth) tk_four_columns_##packing##_avx512(acc, p, group, k, depth - k);            \
            TK_UNROLLED for (int32_t i = 0; i < TK_TERNARY_COLUMNS; ++i) {                             \
                int32_t *const sums = p->sums + i * TK_TERNARY_BLOCK_ROWS + g * (rows);                \
                tk_finish_##packing##_avx512(acc[i], total[i], sums);                                  \
            }                                                                                          \
        }                                                                                              \
    }                                                                                                  \
                                                                                                       \
    TK_AVX512_FUNCTION void tk_ternary_sums_##packing##_avx512(const tk_ternary_part *p) {             \
        if (p->columns == TK_TERNARY_COLUMNS) {                                                        \
            tk_columns_##packing##_avx512(p);                                                          \
            return;                                                                                    \
        }                                                                                              \
        for (int32_t i = 0; i < p->columns; ++i) tk_column_##packing##_avx512(p, i);                   \
    }

#endif
