/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_PERTURB_F32_H
#define TK_PERTURB_F32_H

#include "tk_noise.h"

/* output = input + scale * noise of -1 and 1. `output` may be `input`. */
TK_KERNEL void tk_perturb_signs_f32(const float *input, const int32_t *draw, const float *scale,
                                    uint32_t seed, uint32_t stream, float *output, const tk_axes *axes) {
    const tk_axes shape = *axes;
    const uint32_t bits = tk_bits_of_float(*scale);
    tk_noise noise = tk_noise_start(seed, stream, *draw);
    uint32_t signs = 0;
    int32_t left = 0; /* of them */
    TK_EACH_LINE(shape, {
        for (int32_t done = 0; done < shape.size[3];) {
            if (left == 0) {
                signs = ~tk_next_signs(&noise);
                left = 32;
            }
            const int32_t count = tk_min(left, shape.size[3] - done);
            TK_ROLLED
            for (int32_t n = 0; n < count; ++n, signs >>= 1, at += shape.stride[3]) {
                output[at] = input[at] + tk_float_of_bits(bits ^ (signs << 31));
            }
            left -= count;
            done += count;
        }
    })
}

/* output = input + scale * standard normal noise. `output` may be `input`. */
TK_KERNEL void tk_perturb_normal_f32(const float *input, const int32_t *draw, const float *scale,
                                     uint32_t seed, uint32_t stream, float *output, const tk_axes *axes) {
    const tk_axes shape = *axes;
    const float distance = *scale;
    tk_noise noise = tk_noise_start(seed, stream, *draw);
    TK_EACH_LINE(shape, {
        for (int32_t n = 0; n < shape.size[3]; ++n, at += shape.stride[3]) {
            output[at] = input[at] + distance * tk_next_normal(&noise);
        }
    })
}

#endif
