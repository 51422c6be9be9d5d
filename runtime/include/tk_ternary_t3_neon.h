/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_T3_NEON_H
#define TK_TERNARY_T3_NEON_H

#include "tk_ternary_neon.h"

#ifdef TK_HAS_NEON
/* Digits from two comparisons each: -1 where a byte less 128 is above 85 - 128, -1 more above 170 - 128. A 16-bit lane
 * takes 2 * 2 * 128 a time, and 64 times. */
TK_INLINE void tk_column_t3_neon(const tk_ternary_part *p, int32_t i) {
    const int32_t depth = p->depth;
    const int8x16_t low = vdupq_n_s8(85 - 128), high = vdupq_n_s8(170 - 128);
    tk_column_neon column;
    tk_start_column_neon(&column, p->column[i], depth);
    int32_t *sums = p->sums + i * TK_TERNARY_BLOCK_ROWS;
    for (int32_t g = 0; g < p->groups; ++g, sums += TK_T3_ROWS) {
        const uint8_t *const group = p->weight + (int64_t)g * p->pitch;
        int32x4_t sum[TK_T3_ROWS];
        TK_UNROLLED for (int32_t r = 0; r < TK_T3_ROWS; ++r) sum[r] = vdupq_n_s32(0);
        for (int32_t k = 0; k < depth;) {
            int16x8_t acc[TK_T3_ROWS];
            TK_UNROLLED for (int32_t r = 0; r < TK_T3_ROWS; ++r) acc[r] = vdupq_n_s16(0);
            for (const int32_t stop = tk_min(depth, k + 63 * 16); k < stop; k += 16) {
                const int8x16_t x = tk_load_column_neon(&column, k, depth);
                int8x16_t y = tk_signed_neon(tk_load_before_neon(group + k, depth - k, p->end));
                TK_UNROLLED for (int32_t r = 0; r < TK_T3_ROWS; ++r, y = tk_triple_neon(y)) {
                    const uint8x16_t minus = vaddq_u8(vcgtq_s8(y, low), vcgtq_s8(y, high));
                    acc[r] = tk_dot_neon(acc[r], vreinterpretq_s8_u8(minus), x);
                }
            }
            TK_UNROLLED for (int32_t r = 0; r < TK_T3_ROWS; ++r) sum[r] = vpadalq_s16(sum[r], acc[r]);
        }
        TK_UNROLLED for (int32_t r = 0; r < TK_T3_ROWS; ++r) sums[r] -= vaddvq_s32(sum[r]) + column.total;
    }
}

static TK_NOINLINE TK_UNUSED void tk_ternary_sums_t3_neon(const tk_ternary_part *p) {
    for (int32_t i = 0; i < p->columns; ++i) tk_column_t3_neon(p, i);
}

#ifdef TK_HAS_NEON_DOT
/* No digit is cut out: of each signed byte z, 3 z, 9 z, ... 243 z are summed, each modulo 256. Three times one sum less
 * the next is 256 times that of a row's weights themselves. */
TK_NEON_DOT_TARGET TK_INLINE void tk_columns_t3_dot(const tk_ternary_part *p, int32_t i,
                                                    const int32_t columns) {
    const int32_t depth = p->depth;
    tk_column_neon column[TK_TERNARY_COLUMNS];
    for (int32_t c = 0; c < columns; ++c) tk_start_column_neon(column + c, p->column[i + c], depth);
    for (int32_t g = 0; g < p->groups; ++g) {
        const uint8_t *const group = p->weight + (int64_t)g * p->pitch;
        int32x4_t acc[TK_TERNARY_COLUMNS][TK_T3_ROWS + 1];
        TK_UNROLLED for (int32_t c = 0; c < columns; ++c) {
            TK_UNROLLED for (int32_t r = 0; r <= TK_T3_ROWS; ++r) acc[c][r] = vdupq_n_s32(0);
        }
        for (int32_t k = 0; k < depth; k += 16) {
            int8x16_t x[TK_TERNARY_COLUMNS];
            int8x16_t z = tk_signed_neon(tk_load_before_neon(group + k, depth - k, p->end));
            TK_UNROLLED for (int32_t c = 0; c < columns; ++c) x[c] =
                tk_load_column_neon(column + c, k, depth);
            TK_UNROLLED for (int32_t r = 0; r <= TK_T3_ROWS; ++r, z = tk_triple_neon(z)) {
                TK_UNROLLED for (int32_t c = 0; c < columns; ++c) acc[c][r] = vdotq_s32(acc[c][r], z, x[c]);
            }
        }
        TK_UNROLLED for (int32_t c = 0; c < columns; ++c) {
            int32_t *const sums = p->sums + (i + c) * TK_TERNARY_BLOCK_ROWS + g * TK_T3_ROWS;
            TK_UNROLLED for (int32_t r = 0; r < TK_T3_ROWS; ++r) {
                const int32x4_t three = vaddq_s32(acc[c][r], vaddq_s32(acc[c][r], acc[c][r]));
                sums[r] += vaddvq_s32(vsubq_s32(three, acc[c][r + 1])) >> 8;
            }
        }
    }
}

TK_NEON_DOT_TARGET static TK_NOINLINE TK_UNUSED void tk_ternary_sums_t3_dot(const tk_ternary_part *p) {
    if (p->columns == TK_TERNARY_COLUMNS) {
        tk_columns_t3_dot(p, 0, TK_TERNARY_COLUMNS);
        return;
    }
    for (int32_t i = 0; i < p->columns; ++i) tk_columns_t3_dot(p, i, 1);
}
#endif
#endif

#endif
