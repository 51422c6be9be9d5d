/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_LSTM_S8_H
#define TK_LSTM_S8_H

#include "tk_fixed_point.h"
#include "tk_functions_q15.h"

/* What the input, or the state before, adds to the gates: weight (4, units, depth) and bias (4, units) with the zero point
 * folded in; sums come to Q3.12 by one multiplier and shift per gate. */
typedef struct {
    const int8_t *weight;
    const int32_t *bias;
    const int32_t *multiplier;
    const uint8_t *shift;
    int32_t depth;
    int32_t double_rounding; /* 1: tk_requantize_double */
} tk_lstm_sums;

/* Add to the gates' sums of unit `u`, kept within 16 bits. */
TK_INLINE void tk_lstm_add(const int8_t *TK_RESTRICT x, const tk_lstm_sums *s, int32_t u, int32_t units,
                           int32_t *TK_RESTRICT sum) {
    const int8_t *weight = s->weight + u * s->depth;
    const int32_t gate = units * s->depth;
    int32_t acc[4] = {s->bias[u], s->bias[u + units], s->bias[u + 2 * units], s->bias[u + 3 * units]};
    for (int32_t k = 0; k < s->depth; ++k, ++weight) { /* they share the input's loads */
        acc[0] += x[k] * weight[0];
        acc[1] += x[k] * weight[gate];
        acc[2] += x[k] * weight[2 * gate];
        acc[3] += x[k] * weight[3 * gate];
    }
    for (int32_t g = 0; g < 4; ++g) {
        const int32_t more = s->double_rounding ? tk_requantize_double(acc[g], s->multiplier[g], s->shift[g])
                                                : tk_requantize(acc[g], s->multiplier[g], s->shift[g]);
        sum[g] = tk_clamp(sum[g] + more, INT16_MIN, INT16_MAX);
    }
}

/* LSTM from zero state over input (batch, steps, depth) to output (batch, steps, units); gates in the order input, forget,
 * cell, output. The cell's scale is 2^-cell_bits, 9 to 15; `cell` holds `units` of them. Equal to LiteRT's reference
 * kernel where sums round twice. */
TK_KERNEL void tk_lstm_s8(const int8_t *TK_RESTRICT input, const tk_lstm_sums *of_input,
                          const tk_lstm_sums *of_state, const tk_requant_s8 *requant, int32_t cell_bits,
                          int16_t *TK_RESTRICT cell, int8_t *TK_RESTRICT output, int32_t batch, int32_t steps,
                          int32_t units) {
    for (int32_t sequence = 0; sequence < batch; ++sequence) {
        for (int32_t u = 0; u < units; ++u) cell[u] = 0;
        for (int32_t step = 0; step < steps; ++step, input += of_input->depth, output += units) {
            for (int32_t u = 0; u < units; ++u) {
                int32_t sum[4] = {0, 0, 0, 0};
                tk_lstm_add(input, of_input, u, units, sum);
                if (step > 0) tk_lstm_add(output - units, of_state, u, units, sum);
                const int32_t start = tk_logistic_q15(sum[0]), forget = tk_logistic_q15(sum[1]);
                const int32_t kept = tk_shift_away(forget * cell[u], 15);
                const int32_t added = tk_shift_away(start * tk_tanh_q15(sum[2], 3), 30 - cell_bits);
                cell[u] = (int16_t)tk_clamp(kept + added, INT16_MIN, INT16_MAX);
                output[u] = tk_requantize_s8(tk_logistic_q15(sum[3]) * tk_tanh_q15(cell[u], 15 - cell_bits),
                                             0, requant);
            }
        }
    }
}

#endif
