/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ROW_MVE_H
#define TK_ROW_MVE_H

#include "tk_requantize_mve.h"
#include "tk_tiles_mve.h"

/* A matrix of weights in tiles of four output channels: for each, `chunks` chunks as tk_dot_mve.h has them. `scales` are
 * the constants of tk_requantize_mve.h, a block for each tile. toolkit/kernels/tile_mve.py packs both. */
typedef struct {
    const int8_t *tiles, *scales;
    int32_t chunks, channels;
    int32_t zero_point, min, max;
} tk_matrix_mve;

/* Requantize and store the sums of one tile, of which `left` channels are there. */
TK_INLINE void tk_finish_tile_mve(tk_s32x4 sum, const int8_t *scales, int32_t zero_point, int32_t left,
                                  int how, int8_t *to) {
    if (how & TK_LARGE_MVE) {
        sum = tk_requantize_large_mve(sum, scales, how & TK_TWICE_MVE);
    } else {
        const tk_scales_mve loaded = tk_load_scales_mve(scales);
        sum = tk_requantize_mve(sum, &loaded, how & TK_TWICE_MVE);
    }
    sum = tk_v_add_n(sum, zero_point);
    if (left < 4) {
        tk_v_store_some_s8(to, tk_v_min(tk_v_max(sum, tk_v_same(INT8_MIN)), tk_v_same(INT8_MAX)), left);
    } else {
        tk_v_store_saturated_s8(to, sum);
    }
}

/* How many tiles a kind of matrix takes in asm. */
TK_INLINE int32_t tk_tiles_in_asm(const tk_matrix_mve *m, int how) {
#ifdef TK_HAS_MVE
    return how & TK_LARGE_MVE ? 0 : m->channels / 4;
#else
    (void)m, (void)how;
    return 0;
#endif
}

TK_INLINE int32_t tk_chunk_bytes_mve(int how) {
    return how & TK_TERNARY_MVE ? 16 : how & TK_INT4_MVE ? 32 : 64;
}

/* The channels of one pixel from tile `first` on: what the asm leaves. */
TK_INLINE void tk_rest_mve(const int8_t *x, const tk_matrix_mve *m, int32_t first, int8_t *output, int how) {
    const int32_t chunks = m->chunks, total = how & TK_TERNARY_MVE ? tk_total_mve(x, chunks) : 0;
    const int8_t *weight = m->tiles + first * chunks * tk_chunk_bytes_mve(how);
    const int8_t *scales = m->scales + first * TK_SCALES_MVE;
    output += 4 * first;
    for (int32_t left = m->channels - 4 * first; left > 0; left -= 4, output += 4) {
        const tk_s32x4 sum = how & TK_TERNARY_MVE ? tk_dot_t2_mve(x, chunks, &weight)
                             : how & TK_INT4_MVE  ? tk_dot_s4_mve(x, chunks, &weight)
                                                  : tk_dot_s8_mve(x, chunks, &weight);
        tk_finish_tile_mve(tk_v_add_n(sum, -total), scales, m->zero_point, left, how, output);
        scales += how & TK_LARGE_MVE ? TK_LARGE_SCALES_MVE : TK_SCALES_MVE;
    }
}

/* The channels of one pixel, kept within int8 alone. */
TK_INLINE void tk_channels_x1_mve(const int8_t *x, const tk_matrix_mve *m, int8_t *output, int how) {
    const int32_t tiles = tk_tiles_in_asm(m, how);
#ifdef TK_HAS_MVE
    if (tiles > 0) tk_tiles_x1_mve(x, m->chunks, tiles, m->zero_point, how, m->tiles, m->scales, output);
    if (!(how & (TK_RAGGED_MVE | TK_LARGE_MVE))) return;
#endif
    tk_rest_mve(x, m, tiles, output, how);
}

/* The channels of two pixels, which lie one behind the other in the output. */
TK_INLINE void tk_channels_x2_mve(const int8_t *x0, const int8_t *x1, const tk_matrix_mve *m, int8_t *output,
                                  int how) {
    const int32_t tiles = tk_tiles_in_asm(m, how);
#ifdef TK_HAS_MVE
    if (tiles > 0) {
        tk_tiles_x2_mve(x0, x1, m->chunks, tiles, m->zero_point, how, m->tiles, m->scales, output,
                        m->channels);
    }
    if (!(how & (TK_RAGGED_MVE | TK_LARGE_MVE))) return;
#endif
    tk_rest_mve(x0, m, tiles, output, how);
    tk_rest_mve(x1, m, tiles, output + m->channels, how);
}

TK_INLINE void tk_bound_row_mve(int8_t *output, int32_t pixels, const tk_matrix_mve *m) {
    if (m->min > INT8_MIN || m->max < INT8_MAX) tk_bound_mve(output, m->min, m->max, pixels * m->channels);
}

typedef void tk_pixel_function_mve(const int8_t *x, const tk_matrix_mve *m, int8_t *output);
typedef void tk_row_function_mve(const int8_t *x, int32_t step, int32_t pixels, const tk_matrix_mve *m,
                                 int8_t *output);

/* `pixel`: one. `row`: any number, `step` bytes apart in the input. One copy of each serves all layers. */
#define TK_ROW_MVE(name, how)                                                                            \
    static TK_NOINLINE TK_UNUSED void tk_pixel_##name##_mve(const int8_t *x, const tk_matrix_mve *m,     \
                                                            int8_t *output) {                            \
        tk_channels_x1_mve(x, m, output, how);                                                           \
        tk_bound_row_mve(output, 1, m);                                                                  \
    }                                                                                                    \
    static TK_NOINLINE TK_UNUSED void tk_row_##name##_mve(const int8_t *x, int32_t step, int32_t pixels, \
                                                          const tk_matrix_mve *m, int8_t *output) {      \
        for (; pixels > 1; pixels -= 2, x += 2 * step, output += 2 * m->channels) {                      \
            tk_channels_x2_mve(x, x + step, m, output, how);                                             \
            tk_bound_row_mve(output, 2, m);                                                              \
        }                                                                                                \
        if (pixels > 0) tk_pixel_##name##_mve(x, m, output);                                             \
    }
TK_ROW_MVE(s8, 0)
TK_ROW_MVE(s8_ragged, TK_RAGGED_MVE)
TK_ROW_MVE(s8_twice, TK_TWICE_MVE)
TK_ROW_MVE(s8_twice_ragged, TK_TWICE_MVE + TK_RAGGED_MVE)
TK_ROW_MVE(t2, TK_TERNARY_MVE)
TK_ROW_MVE(t2_ragged, TK_TERNARY_MVE + TK_RAGGED_MVE)
TK_ROW_MVE(t2_twice, TK_TERNARY_MVE + TK_TWICE_MVE)
TK_ROW_MVE(t2_twice_ragged, TK_TERNARY_MVE + TK_TWICE_MVE + TK_RAGGED_MVE)
TK_ROW_MVE(s4, TK_INT4_MVE)
TK_ROW_MVE(s4_ragged, TK_INT4_MVE + TK_RAGGED_MVE)
TK_ROW_MVE(s4_twice, TK_INT4_MVE + TK_TWICE_MVE)
TK_ROW_MVE(s4_twice_ragged, TK_INT4_MVE + TK_TWICE_MVE + TK_RAGGED_MVE)
TK_ROW_MVE(s8_large, TK_LARGE_MVE + TK_RAGGED_MVE)
TK_ROW_MVE(s8_large_twice, TK_LARGE_MVE + TK_TWICE_MVE + TK_RAGGED_MVE)
TK_ROW_MVE(t2_large, TK_TERNARY_MVE + TK_LARGE_MVE + TK_RAGGED_MVE)
TK_ROW_MVE(t2_large_twice, TK_TERNARY_MVE + TK_LARGE_MVE + TK_TWICE_MVE + TK_RAGGED_MVE)
TK_ROW_MVE(s4_large, TK_INT4_MVE + TK_LARGE_MVE + TK_RAGGED_MVE)
TK_ROW_MVE(s4_large_twice, TK_INT4_MVE + TK_LARGE_MVE + TK_TWICE_MVE + TK_RAGGED_MVE)
#undef TK_ROW_MVE

#endif
