/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DOT_S4_MVE_H
#define TK_DOT_S4_MVE_H

#include "tk_dot_packed_mve.h"

/* As tk_dot_s8_mve.h, for weights of four bits: a chunk is 32 columns, and byte k of a row holds column k in its lower
 * half, column k + 16 in its upper half. Both halves are unpacked as 16 times the weight, in one instruction each. */

#ifdef TK_HAS_MVE
#define TK_LOWER_HALF_MVE(row) "vshl.i8 q6, " row ", #4\n"
#define TK_UPPER_HALF_MVE(row) "vand q6, " row ", q7\n"
#define TK_FIELDS_S4_MVE(field) field(TK_LOWER_HALF_MVE, "], #32") field(TK_UPPER_HALF_MVE, ", #-16]")
#endif

/* The sums of 32 * chunks values with four rows. Leaves *tile behind the rows. */
TK_INLINE tk_s32x4 tk_dot_s4_x1_mve(const int8_t *x, int32_t chunks, const int8_t **tile) {
#ifdef TK_HAS_MVE
    tk_s32x4 sum;
    const int8_t *w = *tile;
    TK_DOT_PACKED_X1_MVE("0xF0", TK_FIELDS_S4_MVE(TK_FIELD_X1_MVE), x, chunks, w, sum);
    *tile = w;
    return tk_v_shift_n(sum, -4);
#else
    tk_s32x4 sum = tk_v_same(0);
    for (int32_t k = 0; k < chunks; ++k, x += 32, *tile += 64) {
        for (int32_t i = 0; i < 64; ++i) {
            const int32_t lower = (((*tile)[i] & 15) ^ 8) - 8;
            sum.lane[i / 16] += x[i % 16] * lower + x[i % 16 + 16] * (((*tile)[i] - lower) / 16);
        }
    }
    return sum;
#endif
}

/* The same for two pixels at once. */
TK_INLINE void tk_dot_s4_x2_mve(const int8_t *x0, const int8_t *x1, int32_t chunks, const int8_t **tile,
                                tk_s32x4 *first, tk_s32x4 *second) {
#ifdef TK_HAS_MVE
    tk_s32x4 a, b;
    const int8_t *w = *tile;
    TK_DOT_PACKED_X2_MVE("0xF0", TK_FIELDS_S4_MVE(TK_FIELD_X2_MVE), x0, x1, chunks, w, a, b);
    *tile = w;
    *first = tk_v_shift_n(a, -4);
    *second = tk_v_shift_n(b, -4);
#else
    const int8_t *same = *tile;
    *first = tk_dot_s4_x1_mve(x0, chunks, &same);
    *second = tk_dot_s4_x1_mve(x1, chunks, tile);
#endif
}

#endif
