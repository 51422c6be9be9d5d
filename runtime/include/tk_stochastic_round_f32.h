/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_STOCHASTIC_ROUND_F32_H
#define TK_STOCHASTIC_ROUND_F32_H

#include "tk_noise.h"

/* output = floor(input + a random number of 0..1), within low..high: up as often as the fraction says. NaN becomes low.
 * `output` may be `input`. */
TK_KERNEL void tk_stochastic_round_f32(const float *input, const int32_t *draw, uint32_t seed,
                                       uint32_t stream, int32_t low, int32_t high, int8_t *output,
                                       const tk_axes *axes) {
    const tk_axes shape = *axes;
    const float smallest = (float)low, largest = (float)high;
    tk_noise noise = tk_noise_start(seed, stream, *draw);
    TK_EACH_LINE(shape, {
        for (int32_t n = 0; n < shape.size[3]; ++n, at += shape.stride[3]) {
            output[at] = tk_floor_within(input[at] + tk_next_uniform(&noise), smallest, largest);
        }
    })
}

#endif
