/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_ADD_S8_H
#define TK_CONV2D_ADD_S8_H

#include "tk_add_short.h"
#include "tk_conv2d_tiles.h"

/* As tk_conv2d_s8 and an addition: the convolution's int8 output plus `addend`, of the same shape, without
 * lying in memory between the two. `output` may lie below `addend` by out_c bytes or more: of a tile, the sums of the
 * second pixel come last, and its addends lie at least where those of the first were. */
TK_KERNEL void tk_conv2d_add_s8(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                const int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                                const int8_t *addend, const tk_add_short *form, int8_t *output,
                                const tk_window *window) {
#define TK_MAKE_SUM(at, channel, sum) \
    output[at] = tk_sum_short(tk_requantize_wide(sum, channel, requant), addend[at], form);
#define TK_MAKE_SUMS                   \
    TK_MAKE_SUM(o, o, acc[0])          \
    TK_MAKE_SUM(next, next, acc[2])    \
    TK_MAKE_SUM(second + o, o, acc[1]) \
    TK_MAKE_SUM(second + next, next, acc[3])
    TK_CONV2D_TILES(bias, TK_MAKE_SUMS, (output += 2 * channels, addend += 2 * channels))
#undef TK_MAKE_SUMS
#undef TK_MAKE_SUM
}

#endif
