/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_T2_V6M_H
#define TK_FULLY_CONNECTED_T2_V6M_H

#include "tk_ternary_v6m.h"
#include "tk_words.h"

/* As tk_fully_connected_t2, by tables of four columns, codes packed by pack_ternary_v6m and the 128 folded into the
 * finish's biases. `scratch` holds four tables, a word for each column, rounded up to 4, and one for each channel and
 * one more, rounded up to 2. */
TK_KERNEL void tk_fully_connected_t2_v6m(const int8_t *input, const uint8_t *codes,
                                         const tk_finish_v6m *finish, int32_t double_rounding,
                                         uint32_t *scratch, int8_t *output, int32_t rows, int32_t depth,
                                         int32_t channels) {
    const int32_t padded = (depth + 3) & ~3, lines = (channels + 2) & ~1;
    uint32_t *const words = scratch + 4 * TK_TABLE_V6M, *const sums = words + padded;
    tk_zero_words(words + depth, padded - depth);
    for (int32_t row = 0; row < rows; ++row, input += depth, output += channels) {
        tk_words(input, depth, words);
        tk_zero_words(sums, lines);
        tk_ternary_sums_v6m(words, padded / 4, codes, scratch, sums, lines);
        const int32_t *const from = (const int32_t *)sums;
        tk_sums_v6m s = {*finish, from, from + channels, from[channels], output};
        (double_rounding ? tk_finish_sums_twice_v6m : tk_finish_sums_once_v6m)(&s);
    }
}

#endif
