/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_COLUMNS5_H
#define TK_FULLY_CONNECTED_COLUMNS5_H

#include "tk_base3.h"

/* As tk_fully_connected_t2, with weights in 1.6 bits and biases of inputs + 128. `scratch` holds a table, a word for each
 * column, rounded up to 5, and one for each channel and one more. */
TK_KERNEL void tk_fully_connected_columns5(const int8_t *input, const uint8_t *codes, const int32_t *bias,
                                           const tk_requant_s8 *requant, uint32_t *scratch, int8_t *output,
                                           int32_t rows, int32_t depth, int32_t channels) {
    const int32_t groups = (depth + 4) / 5;
    uint32_t *const words = scratch + TK_BASE3_ENTRIES, *const sums = words + 5 * groups;
    tk_zero_words(words + depth, 5 * groups - depth);
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        tk_words(input, depth, words);
        tk_zero_words(sums, channels + 1);
        tk_base3_sums(words, groups, codes, scratch, sums, channels + 1);
        TK_ROLLED for (int32_t o = 0; o < channels; ++o) {
            const int32_t acc = (int32_t)(sums[o] - sums[channels]) + bias[o];
            *output++ = tk_requantize_s8(acc, o, requant);
        }
    }
}

#endif
