/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_COLUMNS5_H
#define TK_CONV2D_COLUMNS5_H

#include "tk_base3.h"

/* As tk_conv2d_t2, two pixels at a time, with weights in 1.6 bits and biases of inputs + 128. `scratch` holds a table, a
 * word for each column, rounded up to 5, three for each channel and three more, then in_c bytes. */
TK_KERNEL void tk_conv2d_columns5(const int8_t *input, int32_t zero_point, const uint8_t *codes,
                                  const int32_t *bias, const tk_requant_s8 *requant, uint32_t *scratch,
                                  int8_t *output, const tk_window *window) {
    const int32_t groups = (window->kernel_h * window->kernel_w * window->in_c + 4) / 5;
    const int32_t channels = window->out_c, lines = channels + 1, pixels = window->out_h * window->out_w;
    uint32_t *const words = scratch + TK_BASE3_ENTRIES, *const sums = words + 5 * groups;
    uint32_t *const p = sums + lines, *const q = p + lines;
    int8_t *const outside = (int8_t *)(q + lines);
    tk_fill_s8(outside, zero_point, window->in_c);
    tk_zero_words(sums, lines);
    for (int32_t pixel = 0; pixel < pixels; pixel += 2) {
        const int32_t pair = pixel + 1 < pixels;
        tk_gather_words(input, pixel, pixel + pair, outside, words, words + 5 * groups, window);
        tk_zero_words(p, 2 * lines);
        const uint8_t *code = codes;
        for (int32_t k = 0; k < groups; k += 25) {
            code = tk_base3_sums(words + 5 * k, tk_min(25, groups - k), code, scratch, sums, lines);
            tk_split_words(sums, lines, p, q);
        }
        for (int32_t i = 0; i <= pair; ++i) {
            const uint32_t *const found = i ? q : p;
            TK_ROLLED for (int32_t o = 0; o < channels; ++o) {
                const int32_t acc = (int32_t)(found[o] - found[channels]) + bias[o];
                *output++ = tk_requantize_s8(acc, o, requant);
            }
        }
    }
}

#endif
