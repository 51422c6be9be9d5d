/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_SEND_DELAYED_S16_H
#define TK_SEND_DELAYED_S16_H

#include "tk.h"

/* As tk_send_delayed_f32, of spikes and int8 weights: sums lie in int16, in steps of the weights. */
TK_KERNEL void tk_send_delayed_s16(const int16_t *pending, const int8_t *input, const int8_t *weight,
                                   const uint8_t *delays, const int32_t *position, int16_t *output,
                                   int32_t steps, int32_t inputs, int32_t outputs) {
    if (output != pending) {
        for (int32_t k = 0; k < steps * outputs; ++k) output[k] = pending[k];
    }
    int32_t at = *position % steps;
    if (at < 0) at += steps;
    for (int32_t i = 0; i < inputs; ++i, weight += outputs, delays += outputs) {
        if (!input[i]) continue;
        TK_ROLLED
        for (int32_t o = 0; o < outputs; ++o) {
            int32_t row = at + delays[o];
            if (row >= steps) row -= steps;
            output[row * outputs + o] = (int16_t)(output[row * outputs + o] + weight[o]);
        }
    }
    int16_t *const now = output + at * outputs, *const last = output + steps * outputs;
    for (int32_t o = 0; o < outputs; ++o) {
        last[o] = now[o];
        now[o] = 0;
    }
}

#endif
