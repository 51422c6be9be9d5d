/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TILE_S8_H
#define TK_TILE_S8_H

#include "tk.h"

/* Four sums that share their loads: acc[0] and [1] of row w0 with columns x0 and x1, [2] and [3] of row w1. A function
 * of its own, so that its loop has the registers to itself. */
static TK_NOINLINE TK_UNUSED void tk_tile_s8(const int8_t *x0, const int8_t *x1, const TK_ROM int8_t *w0,
                                             const TK_ROM int8_t *w1, int32_t depth, int32_t acc[4]) {
    int32_t a = acc[0], b = acc[1], c = acc[2], d = acc[3];
    const int8_t *const end = x0 + depth;
    for (; end - x0 >= 4; x0 += 4, x1 += 4, w0 += 4, w1 += 4) {
#define TK_TILE_COLUMN(k) a += w0[k] * x0[k], b += w0[k] * x1[k], c += w1[k] * x0[k], d += w1[k] * x1[k]
        TK_TILE_COLUMN(0);
        TK_TILE_COLUMN(1);
        TK_TILE_COLUMN(2);
        TK_TILE_COLUMN(3);
    }
    TK_ROLLED
    for (; x0 != end; ++x0, ++x1, ++w0, ++w1) {
        TK_TILE_COLUMN(0);
#undef TK_TILE_COLUMN
    }
    acc[0] = a;
    acc[1] = b;
    acc[2] = c;
    acc[3] = d;
}

#endif
