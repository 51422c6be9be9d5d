/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MATRIX_S8_H
#define TK_MATRIX_S8_H

#include "tk_simd.h"

/* An int8 matrix in blocks of eight output channels by four columns: of each block the four weights of its first
 * channel, then those of the second, and so on. `depth` is a multiple of 8; weight, bias, multipliers and shifts are
 * padded to whole blocks. Behind the biases lie those for columns of which every value is 128 larger. toolkit/kernels/channel_blocks.py packs it. */
typedef struct {
    const int8_t *weight;
    const int32_t *bias;
    const tk_requant_s8 *requant;
    int32_t depth, channels;
} tk_matrix_s8;

/* Where column i may be gathered, in `wide` with 4 * depth lanes: the upper half of its lanes. */
TK_INLINE int8_t *tk_matrix_column(int16_t *wide, int32_t i, int32_t depth) {
    return (int8_t *)(wide + i * depth) + depth;
}

/* Columns that are multiplied at once. */
#define TK_MATRIX_COLUMNS 4

/* output[column][o] = requantize(bias[o] + sum_k column[k] * weight[o][k]) */
static TK_NOINLINE TK_UNUSED void tk_matrix_s8_c(const tk_matrix_s8 *m, const int8_t *const *column,
                                                 int32_t columns, int8_t *output) {
    for (int32_t i = 0; i < columns; ++i, output += m->channels) {
        const int8_t *w = m->weight;
        for (int32_t o = 0; o < m->channels; o += 8) {
            int32_t acc[8] = {0};
            for (int32_t k = 0; k < m->depth; k += 4, w += 32) {
                const int8_t *x = column[i] + k;
                for (int32_t c = 0; c < 8; ++c) {
                    acc[c] +=
                        x[0] * w[4 * c] + x[1] * w[4 * c + 1] + x[2] * w[4 * c + 2] + x[3] * w[4 * c + 3];
                }
            }
            for (int32_t c = 0; c < tk_min(8, m->channels - o); ++c) {
                output[o + c] = tk_requantize_s8(acc[c] + m->bias[o + c], o + c, m->requant);
            }
        }
    }
}

#endif
