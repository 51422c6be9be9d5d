/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_ADD_S8_H
#define TK_CONV2D_ADD_S8_H

#include "tk_add_short.h"
#include "tk_tile_s8.h"
#include "tk_window.h"

/* As tk_conv2d_s8 and an addition: the convolution's int8 output plus `addend`, of the same shape, without
 * lying in memory between the two. `output` may lie below `addend` by out_c bytes or more: a tile's addends are read
 * before its sums are written, and those of the tiles behind it lie above them. */
TK_KERNEL void tk_conv2d_add_s8(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                const int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                                const int8_t *addend, const tk_add_short *form, int8_t *output,
                                const tk_window *window) {
    const tk_window shape = *window; /* no call can change it, so literals stay literals */
    const int32_t depth = shape.kernel_h * shape.kernel_w * shape.in_c;
    const int32_t channels = shape.out_c, last = shape.out_h * shape.out_w - 1;
    for (int32_t p = 0; p <= last; p += 2, output += 2 * channels, addend += 2 * channels) {
        const int32_t q = tk_min(p + 1, last); /* the last one alone is made twice */
        const int8_t *x[2];
        tk_two_pixels_s8(input, p, q, zero_point, scratch, window, x);
        for (int32_t o = 0; o < channels; o += 2) {
            const int32_t next = tk_min(o + 1, channels - 1), second = (q - p) * channels;
            int32_t acc[4] = {bias[o], bias[o], bias[next], bias[next]};
            tk_tile_s8(x[0], x[1], weight + o * depth, weight + next * depth, depth, acc);
            const int8_t d =
                tk_sum_short(tk_requantize_wide(acc[3], next, requant), addend[second + next], form);
            const int8_t b = tk_sum_short(tk_requantize_wide(acc[1], o, requant), addend[second + o], form);
            const int8_t c = tk_sum_short(tk_requantize_wide(acc[2], next, requant), addend[next], form);
            const int8_t a = tk_sum_short(tk_requantize_wide(acc[0], o, requant), addend[o], form);
            output[second + next] = d;
            output[second + o] = b;
            output[next] = c;
            output[o] = a;
        }
    }
}

#endif
