/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_MAX_POOL2D_S8_H
#define TK_CONV2D_MAX_POOL2D_S8_H

#include "tk_tile_s8.h"
#include "tk_window.h"

/* As tk_conv2d_s8 followed by tk_max_pool2d_s8 over windows of pool_h x pool_w pixels that lie side by side: of a
 * window's sums only the largest is requantized. `window` is the convolution's; `scratch` holds pool_h * pool_w * depth
 * bytes. */
TK_KERNEL void tk_conv2d_max_pool2d_s8(const int8_t *input, int32_t zero_point, const TK_ROM int8_t *weight,
                                       const TK_ROM int32_t *bias, const tk_requant_s8 *requant,
                                       int8_t *scratch, int8_t *output, int32_t pool_h, int32_t pool_w,
                                       const tk_window *window) {
    const tk_window shape = *window; /* no call can change it, so literals stay literals */
    const int32_t depth = shape.kernel_h * shape.kernel_w * shape.in_c, channels = shape.out_c;
    const int8_t *const end = scratch + pool_h * pool_w * depth;
    for (int32_t y = 0; y < shape.out_h; y += pool_h) {
        for (int32_t x = 0; x < shape.out_w; x += pool_w, output += channels) {
            int8_t *column = scratch;
            for (int32_t i = 0; i < pool_h; ++i) {
                for (int32_t j = 0; j < pool_w; ++j, column += depth) {
                    tk_im2col_s8(input, y + i, x + j, zero_point, column, window);
                }
            }
            for (int32_t o = 0; o < channels; o += 2) {
                const int32_t next = tk_min(o + 1, channels - 1);
                int32_t best = INT32_MIN, best_next = INT32_MIN;
                for (const int8_t *x0 = scratch; x0 < end; x0 += 2 * depth) {
                    const int8_t *const x1 = end - x0 > depth ? x0 + depth : x0;
                    int32_t acc[4] = {bias[o], bias[o], bias[next], bias[next]};
                    tk_tile_s8(x0, x1, weight + o * depth, weight + next * depth, depth, acc);
                    best = tk_max(best, tk_max(acc[0], acc[1]));
                    best_next = tk_max(best_next, tk_max(acc[2], acc[3]));
                }
                output[next] = tk_requantize_s8(best_next, next, requant);
                output[o] = tk_requantize_s8(best, o, requant);
            }
        }
    }
}

#endif
