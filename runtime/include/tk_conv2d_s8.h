/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_S8_H
#define TK_CONV2D_S8_H

#include "tk_tile_s8.h"
#include "tk_window.h"

/* 2-d convolution: weight (out_c, kernel_h, kernel_w, in_c),
 * bias (out_c) with the input's zero point folded in. `scratch` holds 2 * depth bytes, or nothing when pointwise.
 * Pixels are made in order, two at a time, so the output may lie below the input by what toolkit.ops.window computes. */
TK_KERNEL void tk_conv2d_s8(const int8_t *input, int32_t zero_point, const TK_ROM int8_t *weight,
                            const TK_ROM int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                            int8_t *output, const tk_window *window) {
    const tk_window shape = *window; /* no call can change it, so literals stay literals */
    const int32_t depth = shape.kernel_h * shape.kernel_w * shape.in_c;
    const int32_t channels = shape.out_c, last = shape.out_h * shape.out_w - 1;
    for (int32_t p = 0; p <= last; p += 2, output += 2 * channels) {
        const int32_t q = tk_min(p + 1, last); /* the last one alone is made twice */
        const int8_t *x[2];
        tk_two_pixels_s8(input, p, q, zero_point, scratch, window, x);
        for (int32_t o = 0; o < channels; o += 2) {
            const int32_t next = tk_min(o + 1, channels - 1);
            int32_t acc[4] = {bias[o], bias[o], bias[next], bias[next]};
            tk_tile_s8(x[0], x[1], weight + o * depth, weight + next * depth, depth, acc);
            /* the second of a pair that is none comes first, and is overwritten */
            output[(q - p) * channels + next] = tk_requantize_s8(acc[3], next, requant);
            output[(q - p) * channels + o] = tk_requantize_s8(acc[1], o, requant);
            output[next] = tk_requantize_s8(acc[2], next, requant);
            output[o] = tk_requantize_s8(acc[0], o, requant);
        }
    }
}

#endif
