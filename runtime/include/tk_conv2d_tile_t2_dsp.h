/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_TILE_T2_DSP_H
#define TK_CONV2D_TILE_T2_DSP_H

#include "tk_gather_three_dsp.h"
#include "tk_ternary_tile_dsp.h"

/* As tk_conv2d_t2, three pixels by four output channels: weight and finish as tk_ternary_tile_dsp.h says; where the
 * channels are no multiple of four, the last four are packed as a tile of their own. The outputs lie in min .. max.
 * `scratch` holds 12 bytes, then 6 for each of kernel_h rows of kernel_w * in_c values (rounded up to 4), and three such
 * rows of bytes unless pixels are read as they lie; then, with `pad_first`, the input with its padding, whole. */
TK_KERNEL void tk_conv2d_tile_t2_dsp(const int8_t *input, int32_t zero_point, const uint32_t *weight,
                                     const int32_t *finish, int32_t long_sums, int32_t double_rounding,
                                     int32_t pad_first, int32_t min, int32_t max, uint32_t *scratch,
                                     int8_t *output, const tk_window *window) {
    const int32_t row = (window->kernel_w * window->in_c + 3) & ~3, groups = window->kernel_h * row / 4;
    const int32_t channels = window->out_c, pixels = window->out_h * window->out_w, whole = channels / 4;
    const int32_t direct = tk_is_pointwise(window) && window->in_c % 4 == 0;
    uint32_t *const x = scratch + 3;
    int8_t *const bytes = (int8_t *)(x + 6 * groups);
    tk_window inner = *window;
    if (pad_first) {
        int8_t *const image = bytes + 3 * row;
        inner.in_h = (window->out_h - 1) * window->stride_h + (window->kernel_h - 1) * window->dilation_h + 1;
        inner.in_w = (window->out_w - 1) * window->stride_w + (window->kernel_w - 1) * window->dilation_w + 1;
        inner.pad_top = inner.pad_left = 0;
        tk_pad_dsp(input, zero_point, inner.in_h, inner.in_w, image, window);
        input = image;
    }
    for (int32_t p = 0; p < pixels; p += 3) {
        const int32_t second = p + 1 < pixels ? channels : 0, third = p + 2 < pixels ? 2 * channels : second;
        if (direct) {
            tk_widen_pixels_dsp(input, p, x, window);
        } else {
            tk_gather_three_dsp(input, p, zero_point, row, bytes, x, &inner);
        }
        tk_three_sums_dsp(scratch, groups);
        for (int32_t rest = 0; rest <= (channels % 4 != 0); ++rest) {
            const int32_t tile = rest ? whole : 0, o = rest ? channels - 4 : 0, tiles = rest ? 1 : whole;
            (long_sums ? double_rounding ? tk_ternary_long_tile_twice_dsp : tk_ternary_long_tile_once_dsp
             : double_rounding ? tk_ternary_tile_twice_dsp
                               : tk_ternary_tile_once_dsp)(scratch, weight + tile * groups,
                                                           finish + 16 * tile, output + o, second, third,
                                                           groups, tiles);
        }
        if (min > -128 || max < 127) {
            const int32_t end = tk_min(3, pixels - p) * channels;
            for (int32_t i = 0; i < end; ++i) output[i] = (int8_t)tk_clamp(output[i], min, max);
        }
        output += 3 * channels;
    }
}

#endif
