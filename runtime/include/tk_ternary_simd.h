/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_SIMD_H
#define TK_TERNARY_SIMD_H

#include "tk_ternary_t2_avx2.h"
#include "tk_ternary_t2_avx512.h"
#include "tk_ternary_t2_neon.h"
#include "tk_ternary_t3_avx2.h"
#include "tk_ternary_t3_avx512.h"
#include "tk_ternary_t3_neon.h"
#include "tk_threads.h"

/* A ternary matrix times int8 columns by whatever this machine has, exact for every shape and value as long as the sums
 * fit in 32 bits. `packing` is TK_T2_ROWS or TK_T3_ROWS. */

typedef void tk_ternary_kernel(const tk_ternary_part *p);

static TK_NOINLINE TK_UNUSED tk_ternary_kernel *tk_ternary_kernel_here(int32_t packing) {
    const int t2 = packing == TK_T2_ROWS;
#if defined(TK_HAS_NEON)
#ifdef TK_HAS_NEON_DOT
    if (tk_cpu() & TK_CPU_NEON_DOT) return t2 ? tk_ternary_sums_t2_dot : tk_ternary_sums_t3_dot;
#endif
    return t2 ? tk_ternary_sums_t2_neon : tk_ternary_sums_t3_neon;
#else
#ifdef TK_HAS_AVX512
    if (tk_cpu() & TK_CPU_AVX512_BW) return t2 ? tk_ternary_sums_t2_avx512 : tk_ternary_sums_t3_avx512;
#endif
#ifdef TK_HAS_AVX2
    if (tk_cpu() & TK_CPU_AVX2) return t2 ? tk_ternary_sums_t2_avx2 : tk_ternary_sums_t3_avx2;
#endif
    return t2 ? tk_ternary_sums_t2_c : tk_ternary_sums_t3_c;
#endif
}

/* A (channels, depth) matrix. Without `bias`, sums are stored as they are: int32. Else bias, multipliers and shifts have
 * an entry for every channel and are padded to a multiple of 8, and int8 is stored. */
typedef struct {
    const uint8_t *weight;
    int32_t packing;
    const int32_t *bias;
    const tk_requant_s8 *requant;
    int32_t depth, channels;
} tk_ternary_matrix;

TK_INLINE int32_t tk_ternary_blocks(const tk_ternary_matrix *m) {
    const int32_t rows = TK_TERNARY_BLOCK * m->packing;
    return (m->channels + rows - 1) / rows;
}

/* sums (columns, TK_TERNARY_BLOCK_ROWS) of a block's channels. */
static TK_NOINLINE TK_UNUSED void tk_ternary_block_sums(const tk_ternary_matrix *m, int32_t block,
                                                        const int8_t *const *column, int32_t columns,
                                                        int32_t *sums) {
    tk_ternary_kernel *const kernel = tk_ternary_kernel_here(m->packing);
    const int32_t all = (m->channels + m->packing - 1) / m->packing, first = block * TK_TERNARY_BLOCK;
    const int8_t *part[TK_TERNARY_COLUMNS];
    tk_fill_simd((int8_t *)sums, 0, columns * TK_TERNARY_BLOCK_ROWS * 4);
    for (int32_t k = 0; k < m->depth; k += TK_TERNARY_PART) {
        for (int32_t i = 0; i < TK_TERNARY_COLUMNS; ++i) part[i] = column[tk_min(i, columns - 1)] + k;
        tk_ternary_part p;
        p.weight = m->weight + (int64_t)first * m->depth + k;
        p.end = m->weight + (int64_t)all * m->depth;
        p.pitch = m->depth;
        p.groups = tk_min(all - first, TK_TERNARY_BLOCK);
        p.depth = tk_min(m->depth - k, TK_TERNARY_PART);
        p.column = part;
        p.columns = columns;
        p.sums = sums;
        kernel(&p);
    }
}

#ifdef TK_HAS_AVX2
TK_AVX2_FUNCTION void tk_ternary_requantize_avx2(const tk_ternary_matrix *m, int32_t first, int32_t last,
                                                 const int32_t *sums, int8_t *output) {
    for (int32_t o = first; o < last; o += 8) {
        const tk_requant_avx2 q = tk_load_requant_avx2(m->requant, o);
        const __m256i acc = _mm256_add_epi32(tk_load_avx2(sums + o - first), tk_load_avx2(m->bias + o));
        tk_requantize_avx2(acc, &q, output + o, last - o);
    }
}
#endif

/* output (channels): a block's channels of one column. */
TK_INLINE void tk_ternary_requantize(const tk_ternary_matrix *m, int32_t first, int32_t last,
                                     const int32_t *sums, int8_t *output) {
#if defined(TK_HAS_NEON)
    for (int32_t o = first; o < last; o += 8) {
        const tk_requant_neon q = tk_load_requant_neon(m->requant, o);
        tk_requantize_neon(vaddq_s32(vld1q_s32(sums + o - first), vld1q_s32(m->bias + o)),
                           vaddq_s32(vld1q_s32(sums + o - first + 4), vld1q_s32(m->bias + o + 4)), &q,
                           m->requant, output + o, last - o);
    }
#else
#ifdef TK_HAS_AVX2
    if (tk_cpu() & TK_CPU_AVX2) {
        tk_ternary_requantize_avx2(m, first, last, sums, output);
        return;
    }
#endif
    for (int32_t o = first; o < last; ++o) {
        output[o] = tk_requantize_s8(m->bias[o] + sums[o - first], o, m->requant);
    }
#endif
}

/* output (columns, channels): a block's channels of 1 .. TK_TERNARY_COLUMNS columns. */
TK_INLINE void tk_ternary_block(const tk_ternary_matrix *m, int32_t block, const int8_t *const *column,
                                int32_t columns, void *output) {
    const int32_t first = block * TK_TERNARY_BLOCK * m->packing;
    const int32_t last = tk_min(m->channels, first + TK_TERNARY_BLOCK * m->packing);
    int32_t sums[TK_TERNARY_COLUMNS * TK_TERNARY_BLOCK_ROWS];
    tk_ternary_block_sums(m, block, column, columns, sums);
    for (int32_t i = 0; i < columns; ++i) {
        const int32_t *const from = sums + i * TK_TERNARY_BLOCK_ROWS;
        if (m->bias) {
            tk_ternary_requantize(m, first, last, from, (int8_t *)output + (int64_t)i * m->channels);
            continue;
        }
        int32_t *const to = (int32_t *)output + (int64_t)i * m->channels;
        tk_copy_simd((int8_t *)(to + first), (const int8_t *)from, 4 * (last - first));
    }
}

/* Rows of input times the matrix: what one thread or several do. Each block of weights is read once for all rows. */
typedef struct {
    const tk_ternary_matrix *matrix;
    const int8_t *input; /* (rows, depth) */
    void *output;        /* (rows, channels), int32 or int8 */
    int32_t rows;
} tk_ternary_work;

static TK_NOINLINE TK_UNUSED void tk_ternary_rows(const void *what, int32_t block, int32_t end) {
    const tk_ternary_work *const w = (const tk_ternary_work *)what;
    const tk_ternary_matrix *const m = w->matrix;
    const int64_t size = m->bias ? 1 : 4;
    for (; block < end; ++block) {
        for (int32_t row = 0; row < w->rows; row += TK_TERNARY_COLUMNS) {
            const int32_t columns = tk_min(TK_TERNARY_COLUMNS, w->rows - row);
            const int8_t *column[TK_TERNARY_COLUMNS];
            for (int32_t i = 0; i < TK_TERNARY_COLUMNS; ++i) {
                column[i] = w->input + (int64_t)(row + tk_min(i, columns - 1)) * m->depth;
            }
            tk_ternary_block(m, block, column, columns, (char *)w->output + row * size * m->channels);
        }
    }
}

TK_INLINE void tk_ternary_multiply(const tk_ternary_matrix *m, const int8_t *input, void *output,
                                   int32_t rows) {
    const tk_ternary_work work = {m, input, output, rows};
    tk_in_threads(tk_ternary_rows, &work, tk_ternary_blocks(m));
}

/* output[row][o] = sum_k input[row][k] * weight[o][k], for `weight` as docs/ternary.md has it. */
TK_INLINE void tk_matmul_ternary(const int8_t *input, const uint8_t *weight, int32_t packing, int32_t *output,
                                 int32_t rows, int32_t depth, int32_t channels) {
    const tk_ternary_matrix matrix = {weight, packing, 0, 0, depth, channels};
    tk_ternary_multiply(&matrix, input, output, rows);
}

#endif
