/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_SUMS_H
#define TK_TERNARY_SUMS_H

#include "tk_simd.h"
#include "tk_ternary.h"

/* Groups of rows by 1 .. TK_TERNARY_COLUMNS columns: what the vector kernels are given at once. They add to
 * sums[column * TK_TERNARY_BLOCK_ROWS + row] the sums of weight * x. */
#define TK_TERNARY_COLUMNS 4
#define TK_TERNARY_BLOCK 64 /* groups, at most */
#define TK_TERNARY_BLOCK_ROWS (TK_TERNARY_BLOCK * TK_T3_ROWS)

typedef struct {
    const uint8_t *weight; /* of the first group */
    const uint8_t *end;    /* behind the last byte that may be read */
    int32_t pitch;         /* bytes from group to group */
    int32_t groups;
    int32_t depth; /* columns of the matrix: at most TK_TERNARY_PART, of `pitch` */
    const int8_t *const *column;
    int32_t columns;
    int32_t *sums;
} tk_ternary_part;

TK_INLINE void tk_ternary_sums_c(const tk_ternary_part *p, const int32_t rows) {
    for (int32_t i = 0; i < p->columns; ++i) {
        const int32_t total = tk_sum_of_inputs_s8(p->column[i], p->depth);
        for (int32_t g = 0; g < p->groups; ++g) {
            const uint8_t *const group = p->weight + (int64_t)g * p->pitch;
            int32_t *const sums = p->sums + i * TK_TERNARY_BLOCK_ROWS + g * rows;
            for (int32_t row = 0; row < rows; ++row) sums[row] -= total;
            if (rows == TK_T2_ROWS) tk_dot_t2(p->column[i], group, p->depth, sums);
            if (rows == TK_T3_ROWS) tk_dot_t3(p->column[i], group, p->depth, sums);
        }
    }
}

static TK_NOINLINE TK_UNUSED void tk_ternary_sums_t2_c(const tk_ternary_part *p) {
    tk_ternary_sums_c(p, TK_T2_ROWS);
}

static TK_NOINLINE TK_UNUSED void tk_ternary_sums_t3_c(const tk_ternary_part *p) {
    tk_ternary_sums_c(p, TK_T3_ROWS);
}

#endif
