/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_T2_V6M_H
#define TK_CONV2D_T2_V6M_H

#include "tk_ternary_v6m.h"
#include "tk_words.h"

/* As tk_conv2d_t2, two pixels at a time by tables of four columns: see tk_fully_connected_t2_v6m. A half holds the sums
 * of 128 columns. `scratch` holds four tables, a word for each column, rounded up to 4, three for each channel and one
 * more, rounded up to 2, then in_c bytes and out_c bytes. */
TK_KERNEL void tk_conv2d_t2_v6m(const int8_t *input, int32_t zero_point, const uint8_t *codes,
                                const tk_finish_v6m *finish, int32_t double_rounding, uint32_t *scratch,
                                int8_t *output, const tk_window *window) {
    const int32_t depth = window->kernel_h * window->kernel_w * window->in_c, padded = (depth + 3) & ~3;
    const int32_t channels = window->out_c, lines = (channels + 2) & ~1;
    const int32_t pixels = window->out_h * window->out_w;
    uint32_t *const words = scratch + 4 * TK_TABLE_V6M, *const sums = words + padded;
    uint32_t *const both[2] = {sums + lines, sums + 2 * lines};
    int8_t *const outside = (int8_t *)(sums + 3 * lines), *const spare = outside + window->in_c;
    tk_fill_s8(outside, zero_point, window->in_c);
    tk_zero_words(sums, lines);
    for (int32_t pixel = 0; pixel < pixels; pixel += 2, output += 2 * channels) {
        const int32_t pair = pixel + 1 < pixels;
        tk_gather_words(input, pixel, pixel + pair, outside, words, sums, window);
        tk_zero_words(both[0], 2 * lines);
        const uint8_t *code = codes;
        for (int32_t k = 0; k < padded; k += 128) {
            code = tk_ternary_sums_v6m(words + k, tk_min(128, padded - k) / 4, code, scratch, sums, lines);
            tk_split_words(sums, lines, both[0], both[1]);
        }
        for (int32_t i = 0; i < 2; ++i) {
            const int32_t *const from = (const int32_t *)both[i];
            int8_t *const to = i == 0 ? output : pair ? output + channels : spare;
            tk_sums_v6m s = {*finish, from, from + channels, from[channels], to};
            (double_rounding ? tk_finish_sums_twice_v6m : tk_finish_sums_once_v6m)(&s);
        }
    }
}

#endif
