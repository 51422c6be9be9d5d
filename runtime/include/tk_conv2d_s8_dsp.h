/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_S8_DSP_H
#define TK_CONV2D_S8_DSP_H

#include "tk_pair_tile_dsp.h"
#include "tk_window.h"

/* Copy one kernel row, `width` bytes, of the window whose left column is `left`; what lies outside the input becomes
 * `zero_point`. `from` is the input's row, or NULL where there is none. */
static TK_NOINLINE TK_UNUSED void tk_copy_row_dsp(const int8_t *from, int32_t left, int32_t zero_point,
                                                  int8_t *to, const tk_window *w) {
    for (int32_t j = 0, column = left; j < w->kernel_w; ++j, column += w->dilation_w) {
        const int inside = from && column >= 0 && column < w->in_w;
        const int8_t *tap = inside ? from + column * w->in_c : to;
        for (int32_t k = 0; k < w->in_c; ++k) to[k] = inside ? tap[k] : (int8_t)zero_point;
        to += w->in_c;
    }
}

/* Widen the windows under output pixels p to p + 2 (the last one again where there are no more). A kernel row takes
 * `row` bytes, a multiple of 4: weights are 0 behind the window's own. `bytes` holds three rows. */
TK_INLINE void tk_gather_three_dsp(const int8_t *input, int32_t p, int32_t zero_point, int32_t row,
                                   int8_t *bytes, uint32_t *to, const tk_window *w) {
    const int32_t line = w->in_w * w->in_c, size = w->in_h * line, last = w->out_h * w->out_w - 1;
    const int32_t width = w->dilation_w * (w->kernel_w - 1) + 1;
    int32_t top[3], left[3], start[3];
    int whole[3]; /* its rows lie side by side in the input, and may be read to the end of `row` */
    for (int32_t i = 0; i < 3; ++i) {
        const int32_t pixel = tk_min(p + i, last), y = pixel / w->out_w;
        top[i] = y * w->stride_h - w->pad_top;
        left[i] = (pixel - y * w->out_w) * w->stride_w - w->pad_left;
        start[i] = top[i] * line + left[i] * w->in_c;
        whole[i] = width == w->kernel_w && left[i] >= 0 && left[i] + width <= w->in_w &&
                   start[i] + (w->kernel_h - 1) * w->dilation_h * line + row <= size;
    }
    TK_ROLLED for (int32_t i = 0; i < w->kernel_h; ++i) {
        const int8_t *from[3];
        for (int32_t n = 0; n < 3; ++n) {
            const int32_t y = top[n] + i * w->dilation_h, inside = y >= 0 && y < w->in_h;
            if (inside && whole[n]) {
                from[n] = input + start[n] + i * w->dilation_h * line;
            } else {
                tk_copy_row_dsp(inside ? input + y * line : 0, left[n], zero_point, bytes + n * row, w);
                from[n] = bytes + n * row;
            }
        }
        to = tk_widen_three_dsp(from, row, to);
    }
}

/* As tk_conv2d_s8, three pixels by pairs of output channels: weight and finish as tk_pair_tile_dsp.h says. The outputs
 * lie in min .. max. `scratch` holds 6 bytes for each of kernel_h rows of kernel_w * in_c values (rounded up to 4),
 * and three such rows of bytes unless pixels are read as they lie. */
TK_KERNEL void tk_conv2d_s8_dsp(const int8_t *input, int32_t zero_point, const uint32_t *weight,
                                const int32_t *finish, int32_t double_rounding, int32_t min, int32_t max,
                                uint32_t *scratch, int8_t *output, const tk_window *window) {
    const int32_t row = (window->kernel_w * window->in_c + 3) & ~3, groups = window->kernel_h * row / 4;
    const int32_t channels = window->out_c, pixels = window->out_h * window->out_w;
    const int32_t direct = tk_is_pointwise(window) && window->in_c % 4 == 0;
    int8_t *const bytes = (int8_t *)(scratch + 6 * groups);
    for (int32_t p = 0; p < pixels; p += 3) {
        const int32_t second = p + 1 < pixels ? channels : 0, third = p + 2 < pixels ? 2 * channels : second;
        if (direct) {
            const int8_t *const at = input + p * row;
            const int8_t *const from[3] = {at, second ? at + row : at,
                                           p + 2 < pixels ? at + 2 * row
                                           : second       ? at + row
                                                          : at};
            tk_widen_three_dsp(from, row, scratch);
        } else {
            tk_gather_three_dsp(input, p, zero_point, row, bytes, scratch, window);
        }
        /* The last of an odd number of channels is made together with the one before it, once more. */
        for (int32_t odd = 0; odd <= channels % 2; ++odd) {
            const int32_t pair = odd ? channels / 2 : 0, o = odd ? channels - 2 : 0;
            const int32_t pairs = odd ? 1 : channels / 2;
            (double_rounding ? tk_pair_tile_twice_dsp
                             : tk_pair_tile_once_dsp)(scratch, weight + pair * 2 * groups, finish + 8 * pair,
                                                      output + o, second, third, groups, pairs);
        }
        if (min > -128 || max < 127) {
            const int32_t end = tk_min(3, pixels - p) * channels;
            for (int32_t i = 0; i < end; ++i) output[i] = (int8_t)tk_clamp(output[i], min, max);
        }
        output += 3 * channels;
    }
}

#endif
