/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ROW_MVE_H
#define TK_ROW_MVE_H

#include "tk_dot_s4_mve.h"
#include "tk_dot_s8_mve.h"
#include "tk_dot_t2_mve.h"
#include "tk_requantize_mve.h"
#include "tk_tiles_s8_mve.h"

/* A matrix of weights in tiles of four output channels: the rows as tk_dot_s8_mve.h, tk_dot_s4_mve.h or
 * tk_dot_t2_mve.h have them, then
 * the constants of tk_requantize_mve.h. toolkit/kernels/tile_mve.py packs it. */
typedef struct {
    const int8_t *tiles;
    int32_t chunks, channels;
    int32_t zero_point, min, max;
} tk_matrix_mve;

/* How a matrix is computed, as a sum of these. */
enum { TK_TERNARY_MVE = 1, TK_TWICE_MVE = 2, TK_RAGGED_MVE = 4, TK_LARGE_MVE = 8, TK_INT4_MVE = 16 };

TK_INLINE void tk_store_channels_mve(int8_t *to, tk_s32x4 y, int32_t left, int how) {
    if ((how & TK_RAGGED_MVE) != 0 && left < 4) {
        tk_v_store_some_s8(to, tk_v_min(tk_v_max(y, tk_v_same(INT8_MIN)), tk_v_same(INT8_MAX)), left);
    } else {
        tk_v_store_saturated_s8(to, y);
    }
}

/* The channels of one pixel, kept within int8 alone. */
TK_INLINE void tk_channels_x1_mve(const int8_t *x, const tk_matrix_mve *m, int8_t *output, int how) {
    const int32_t chunks = m->chunks, zero_point = m->zero_point;
    const int32_t total = how & TK_TERNARY_MVE ? tk_total_mve(x, chunks) : 0;
    const int8_t *tile = m->tiles;
    int32_t left = m->channels;
#ifdef TK_HAS_MVE
    if (!(how & (TK_TERNARY_MVE | TK_INT4_MVE | TK_LARGE_MVE))) {
        if (!(how & TK_RAGGED_MVE) || left >= 4) {
            tk_tiles_s8_x1_mve(x, chunks, left / 4, zero_point, how & TK_TWICE_MVE, &tile, output);
        }
        if (!(how & TK_RAGGED_MVE)) return;
        output += left & ~3;
        left &= 3;
    }
#endif
    for (; left > 0; left -= 4, output += 4) {
        tk_s32x4 y = how & TK_TERNARY_MVE ? tk_v_add_n(tk_dot_t2_x1_mve(x, chunks, &tile), -total)
                     : how & TK_INT4_MVE  ? tk_dot_s4_x1_mve(x, chunks, &tile)
                                          : tk_dot_s8_x1_mve(x, chunks, &tile);
        if (how & TK_LARGE_MVE) {
            y = tk_requantize_large_mve(y, tile, how & TK_TWICE_MVE);
            tile += TK_LARGE_SCALES_MVE;
        } else {
            const tk_scales_mve scales = tk_load_scales_mve(tile);
            y = tk_requantize_mve(y, &scales, how & TK_TWICE_MVE);
            tile += TK_SCALES_MVE;
        }
        tk_store_channels_mve(output, tk_v_add_n(y, zero_point), left, how);
    }
}

/* The channels of two pixels, which lie one behind the other in the output. */
TK_INLINE void tk_channels_x2_mve(const int8_t *x0, const int8_t *x1, const tk_matrix_mve *m, int8_t *output,
                                  int how) {
    const int32_t chunks = m->chunks, zero_point = m->zero_point, channels = m->channels;
    const int32_t total0 = how & TK_TERNARY_MVE ? tk_total_mve(x0, chunks) : 0;
    const int32_t total1 = how & TK_TERNARY_MVE ? tk_total_mve(x1, chunks) : 0;
    const int8_t *tile = m->tiles;
    int32_t left = channels;
#ifdef TK_HAS_MVE
    if (!(how & (TK_TERNARY_MVE | TK_INT4_MVE | TK_LARGE_MVE))) {
        if (!(how & TK_RAGGED_MVE) || left >= 4) {
            tk_tiles_s8_x2_mve(x0, x1, chunks, left / 4, zero_point, how & TK_TWICE_MVE, &tile, output,
                               channels);
        }
        if (!(how & TK_RAGGED_MVE)) return;
        output += left & ~3;
        left &= 3;
    }
#endif
    for (; left > 0; left -= 4, output += 4) {
        tk_s32x4 y0, y1;
        if (how & TK_TERNARY_MVE) {
            tk_dot_t2_x2_mve(x0, x1, chunks, &tile, &y0, &y1);
            y0 = tk_v_add_n(y0, -total0);
            y1 = tk_v_add_n(y1, -total1);
        } else if (how & TK_INT4_MVE) {
            tk_dot_s4_x2_mve(x0, x1, chunks, &tile, &y0, &y1);
        } else {
            tk_dot_s8_x2_mve(x0, x1, chunks, &tile, &y0, &y1);
        }
        if (how & TK_LARGE_MVE) {
            y0 = tk_requantize_large_mve(y0, tile, how & TK_TWICE_MVE);
            y1 = tk_requantize_large_mve(y1, tile, how & TK_TWICE_MVE);
            tile += TK_LARGE_SCALES_MVE;
        } else {
            const tk_scales_mve scales = tk_load_scales_mve(tile);
            y0 = tk_requantize_mve(y0, &scales, how & TK_TWICE_MVE);
            y1 = tk_requantize_mve(y1, &scales, how & TK_TWICE_MVE);
            tile += TK_SCALES_MVE;
        }
        tk_store_channels_mve(output, tk_v_add_n(y0, zero_point), left, how);
        tk_store_channels_mve(output + channels, tk_v_add_n(y1, zero_point), left, how);
    }
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
