/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_TRAINED_S8_H
#define TK_FULLY_CONNECTED_TRAINED_S8_H

#include "tk_fully_connected_s8.h"

/* As tk_fully_connected_s8, with weights and biases that other steps have made: no zero point is folded in. */
TK_KERNEL void tk_fully_connected_trained_s8(const int8_t *TK_RESTRICT input, int32_t zero_point,
                                             const int8_t *TK_RESTRICT weight,
                                             const int32_t *TK_RESTRICT bias, const tk_requant_s8 *requant,
                                             int8_t *TK_RESTRICT output, int32_t rows, int32_t depth,
                                             int32_t channels) {
    tk_fully_connected_centred_s8(input, zero_point, weight, bias, requant, output, rows, depth, channels);
}

#endif
