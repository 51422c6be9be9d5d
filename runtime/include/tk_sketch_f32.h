/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_SKETCH_F32_H
#define TK_SKETCH_F32_H

#include "tk_noise.h"

/* output[r] is the sum of input[r], input[r + rows], ... of `count` rows, each with a random sign; a row has `depth`
 * values. `output` may be `input`. */
TK_KERNEL void tk_sketch_f32(const float *input, const int32_t *draw, uint32_t seed, uint32_t stream,
                             float *output, int32_t count, int32_t rows, int32_t depth) {
    tk_noise noise = tk_noise_start(seed, stream, *draw);
    uint32_t signs = 0;
    float *to = output;
    for (int32_t i = 0, row = 0; i < count; ++i, ++row, signs >>= 1, input += depth, to += depth) {
        if ((i & 31) == 0) signs = tk_next_signs(&noise);
        if (row == rows) {
            row = 0;
            to = output;
        }
        if (i < rows) {
            const uint32_t negative = (signs & 1) ? 0 : (uint32_t)1 << 31;
            TK_ROLLED
            for (int32_t n = 0; n < depth; ++n)
                to[n] = tk_float_of_bits(tk_bits_of_float(input[n]) ^ negative);
        } else if (signs & 1) {
            TK_ROLLED
            for (int32_t n = 0; n < depth; ++n) to[n] += input[n];
        } else {
            TK_ROLLED
            for (int32_t n = 0; n < depth; ++n) to[n] -= input[n];
        }
    }
}

#endif
