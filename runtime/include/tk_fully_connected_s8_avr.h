/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_S8_AVR_H
#define TK_FULLY_CONNECTED_S8_AVR_H

#include "tk_dot_avr.h"

/* As tk_fully_connected_s8, with weights in -127..127 and fewer than 2^15 of each size. */
TK_KERNEL void tk_fully_connected_s8_avr(const int8_t *TK_RESTRICT input,
                                         const TK_ROM int8_t *TK_RESTRICT weight,
                                         const TK_ROM int32_t *TK_RESTRICT bias, const tk_requant_s8 *requant,
                                         int8_t *TK_RESTRICT output, uint16_t rows, uint16_t depth,
                                         uint16_t channels) {
    for (uint16_t row = 0; row < rows; ++row, input += depth) {
        output = tk_channels_s8_avr(input, weight, bias, requant, output, depth, channels);
    }
}

#endif
