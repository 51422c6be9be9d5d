/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_PER_TOKEN_T2_DSP_H
#define TK_FULLY_CONNECTED_PER_TOKEN_T2_DSP_H

#include "tk_fully_connected_t2_dsp.h"
#include "tk_token_scaling.h"

/* As tk_fully_connected_per_token_t2, with weights in tiles of four rows by four columns, as tk_fully_connected_t2_dsp.
 * `scratch` holds 2 bytes for each column, rounded up to eight: the input, widened once. */
TK_KERNEL void tk_fully_connected_per_token_t2_dsp(const int8_t *input, const uint32_t *weight,
                                                   const float *token, const tk_token_scaling *scaling,
                                                   uint32_t *scratch, float *output, int32_t rows,
                                                   int32_t depth, int32_t channels) {
    TK_FULLY_CONNECTED_T2_DSP(tk_scaled_sum(acc[i], token[row], o + i, scaling))
}

#endif
