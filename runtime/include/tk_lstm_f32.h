/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_LSTM_F32_H
#define TK_LSTM_F32_H

#include "tk_functions_f32.h"

/* LSTM from zero state over input (batch, steps, depth) to output (batch, steps, units); weight (4, units, depth), bias
 * (4, units), the state's weight (4, units, units), gates in the order input, forget, cell, output. `cell` holds `units`
 * floats. */
TK_KERNEL void tk_lstm_f32(const float *TK_RESTRICT input, const float *TK_RESTRICT weight,
                           const float *TK_RESTRICT bias, const float *TK_RESTRICT state_weight,
                           float *TK_RESTRICT cell, float *TK_RESTRICT output, int32_t batch, int32_t steps,
                           int32_t depth, int32_t units) {
    for (int32_t sequence = 0; sequence < batch; ++sequence) {
        for (int32_t u = 0; u < units; ++u) cell[u] = 0.0f;
        for (int32_t step = 0; step < steps; ++step, input += depth, output += units) {
            for (int32_t u = 0; u < units; ++u) {
                float gate[4];
                for (int32_t g = 0; g < 4; ++g) {
                    const int32_t row = g * units + u;
                    float sum = bias[row];
                    for (int32_t k = 0; k < depth; ++k) sum += input[k] * weight[row * depth + k];
                    for (int32_t k = 0; step > 0 && k < units; ++k) {
                        sum += output[k - units] * state_weight[row * units + k];
                    }
                    gate[g] = g == 2 ? tk_tanh_of_f32(sum) : tk_sigmoid_of_f32(sum);
                }
                cell[u] = gate[1] * cell[u] + gate[0] * gate[2];
                output[u] = gate[3] * tk_tanh_of_f32(cell[u]);
            }
        }
    }
}

#endif
