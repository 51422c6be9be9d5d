/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_S8_DSP_H
#define TK_CONV2D_S8_DSP_H

#include "tk_gather_three_dsp.h"
#include "tk_pair_tile_dsp.h"

/* Both kernels: tk_conv2d_s8_dsp, whose `addend` is NULL, and tk_conv2d_add_s8_dsp. */
TK_INLINE void tk_conv2d_pairs_dsp(const int8_t *input, int32_t zero_point, const uint32_t *weight,
                                   const int32_t *finish, int32_t double_rounding, int32_t min, int32_t max,
                                   const int8_t *addend, const tk_add_short *form, uint32_t *scratch,
                                   int8_t *output, const tk_window *window) {
    const int32_t row = (window->kernel_w * window->in_c + 3) & ~3, groups = window->kernel_h * row / 4;
    const int32_t channels = window->out_c, pixels = window->out_h * window->out_w;
    const int32_t direct = tk_is_pointwise(window) && window->in_c % 4 == 0;
    int8_t *const bytes = (int8_t *)(scratch + 6 * groups);
    for (int32_t p = 0; p < pixels; p += 3) {
        const int32_t second = p + 1 < pixels ? channels : 0, third = p + 2 < pixels ? 2 * channels : second;
        if (direct) {
            tk_widen_pixels_dsp(input, p, scratch, window);
        } else {
            tk_gather_three_dsp(input, p, zero_point, row, bytes, scratch, window);
        }
        /* The last of an odd number of channels is made together with the one before it, once more. */
        for (int32_t odd = 0; odd <= channels % 2; ++odd) {
            const int32_t pair = odd ? channels / 2 : 0, o = odd ? channels - 2 : 0;
            const int32_t pairs = odd ? 1 : channels / 2;
            const uint32_t *const w = weight + pair * 2 * groups;
            const int32_t *const f = finish + 8 * pair;
            if (addend) {
                (double_rounding ? tk_pair_tile_add_twice_dsp : tk_pair_tile_add_once_dsp)(
                    scratch, w, f, output + o, second, third, groups, pairs, addend + p * channels + o, form);
            } else {
                (double_rounding ? tk_pair_tile_twice_dsp : tk_pair_tile_once_dsp)(
                    scratch, w, f, output + o, second, third, groups, pairs);
            }
        }
        if (min > -128 || max < 127) {
            const int32_t end = tk_min(3, pixels - p) * channels;
            for (int32_t i = 0; i < end; ++i) output[i] = (int8_t)tk_clamp(output[i], min, max);
        }
        output += 3 * channels;
    }
}

/* As tk_conv2d_s8, three pixels by pairs of output channels: weight and finish as tk_pair_tile_dsp.h says. The outputs
 * lie in min .. max. `scratch` holds 6 bytes for each of kernel_h rows of kernel_w * in_c values (rounded up to 4),
 * and three such rows of bytes unless pixels are read as they lie. */
TK_KERNEL void tk_conv2d_s8_dsp(const int8_t *input, int32_t zero_point, const uint32_t *weight,
                                const int32_t *finish, int32_t double_rounding, int32_t min, int32_t max,
                                uint32_t *scratch, int8_t *output, const tk_window *window) {
    tk_conv2d_pairs_dsp(input, zero_point, weight, finish, double_rounding, min, max, NULL, NULL, scratch,
                        output, window);
}

#endif
