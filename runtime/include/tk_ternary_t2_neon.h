/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_T2_NEON_H
#define TK_TERNARY_T2_NEON_H

#include "tk_ternary_neon.h"

#ifdef TK_HAS_NEON
/* A code in place counts 4 at most, so a 16-bit lane takes 2 * 8 * 128 a time, and 16 times. */
TK_INLINE void tk_column_t2_neon(const tk_ternary_part *p, int32_t i) {
    const int32_t depth = p->depth;
    tk_column_neon column;
    tk_start_column_neon(&column, p->column[i], depth);
    int32_t *sums = p->sums + i * TK_TERNARY_BLOCK_ROWS;
    for (int32_t g = 0; g < p->groups; ++g, sums += TK_T2_ROWS) {
        const uint8_t *const group = p->weight + (int64_t)g * p->pitch;
        int32x4_t sum[4];
        TK_UNROLLED for (int32_t r = 0; r < 4; ++r) sum[r] = vdupq_n_s32(0);
        for (int32_t k = 0; k < depth;) {
            int16x8_t acc[4];
            TK_UNROLLED for (int32_t r = 0; r < 4; ++r) acc[r] = vdupq_n_s16(0);
            for (const int32_t stop = tk_min(depth, k + 16 * 16); k < stop; k += 16) {
                const int8x16_t x = tk_load_column_neon(&column, k, depth);
                int8x16_t field[4];
                tk_fields_neon(tk_load_before_neon(group + k, depth - k, p->end), field);
                TK_UNROLLED for (int32_t r = 0; r < 4; ++r) acc[r] = tk_dot_neon(acc[r], field[r], x);
            }
            TK_UNROLLED for (int32_t r = 0; r < 4; ++r) sum[r] = vpadalq_s16(sum[r], acc[r]);
        }
        tk_finish_t2_neon(sum, column.total, sums);
    }
}

static TK_NOINLINE TK_UNUSED void tk_ternary_sums_t2_neon(const tk_ternary_part *p) {
    for (int32_t i = 0; i < p->columns; ++i) tk_column_t2_neon(p, i);
}

#ifdef TK_HAS_NEON_DOT
/* Four columns or one. */
TK_NEON_DOT_TARGET TK_INLINE void tk_columns_t2_dot(const tk_ternary_part *p, int32_t i,
                                                    const int32_t columns) {
    const int32_t depth = p->depth;
    tk_column_neon column[TK_TERNARY_COLUMNS];
    for (int32_t c = 0; c < columns; ++c) tk_start_column_neon(column + c, p->column[i + c], depth);
    for (int32_t g = 0; g < p->groups; ++g) {
        const uint8_t *const group = p->weight + (int64_t)g * p->pitch;
        int32x4_t acc[TK_TERNARY_COLUMNS][4];
        TK_UNROLLED for (int32_t c = 0; c < columns; ++c) {
            TK_UNROLLED for (int32_t r = 0; r < 4; ++r) acc[c][r] = vdupq_n_s32(0);
        }
        for (int32_t k = 0; k < depth; k += 16) {
            int8x16_t field[4];
            tk_fields_neon(tk_load_before_neon(group + k, depth - k, p->end), field);
            TK_UNROLLED for (int32_t c = 0; c < columns; ++c) {
                const int8x16_t x = tk_load_column_neon(column + c, k, depth);
                TK_UNROLLED for (int32_t r = 0; r < 4; ++r) acc[c][r] = vdotq_s32(acc[c][r], field[r], x);
            }
        }
        TK_UNROLLED for (int32_t c = 0; c < columns; ++c) {
            tk_finish_t2_neon(acc[c], column[c].total,
                              p->sums + (i + c) * TK_TERNARY_BLOCK_ROWS + g * TK_T2_ROWS);
        }
    }
}

TK_NEON_DOT_TARGET static TK_NOINLINE TK_UNUSED void tk_ternary_sums_t2_dot(const tk_ternary_part *p) {
    if (p->columns == TK_TERNARY_COLUMNS) {
        tk_columns_t2_dot(p, 0, TK_TERNARY_COLUMNS);
        return;
    }
    for (int32_t i = 0; i < p->columns; ++i) tk_columns_t2_dot(p, i, 1);
}
#endif
#endif

#endif
