/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_SEND_DELAYED_H
#define TK_SEND_DELAYED_H

#include "tk.h"

/* A step of synapses that have a delay each. `pending` (steps + 1, outputs) is a ring of sums that arrive at this step
 * and the next ones, row *position now; its last row is no part of it. Each input that is not zero is added to the rows
 * where its synapses' delays say: weight and delays (inputs, outputs), delays below `steps`. Then the row of now moves to
 * the last one, and leaves zeros. `output` may be `pending`. Of spikes and int8 weights, sums are in steps of the weights. */
#define TK_SEND_DELAYED(name, sum_type, type, ADDED)                                                     \
    TK_KERNEL void name(const sum_type *pending, const type *input, const type *weight,                  \
                        const uint8_t *delays, const int32_t *position, sum_type *output, int32_t steps, \
                        int32_t inputs, int32_t outputs) {                                               \
        if (output != pending) {                                                                         \
            for (int32_t k = 0; k < steps * outputs; ++k) output[k] = pending[k];                        \
        }                                                                                                \
        int32_t at = *position % steps;                                                                  \
        if (at < 0) at += steps;                                                                         \
        for (int32_t i = 0; i < inputs; ++i, weight += outputs, delays += outputs) {                     \
            const type x = input[i];                                                                     \
            if (x == 0) continue;                                                                        \
            TK_ROLLED                                                                                    \
            for (int32_t o = 0; o < outputs; ++o) {                                                      \
                int32_t row = at + delays[o];                                                            \
                if (row >= steps) row -= steps;                                                          \
                output[row * outputs + o] = (sum_type)(output[row * outputs + o] + ADDED);               \
            }                                                                                            \
        }                                                                                                \
        sum_type *const now = output + at * outputs, *const last = output + steps * outputs;             \
        for (int32_t o = 0; o < outputs; ++o) {                                                          \
            last[o] = now[o];                                                                            \
            now[o] = 0;                                                                                  \
        }                                                                                                \
    }

TK_SEND_DELAYED(tk_send_delayed_f32, float, float, x *weight[o])
TK_SEND_DELAYED(tk_send_delayed_s16, int16_t, int8_t, weight[o])
#undef TK_SEND_DELAYED

#endif
