/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_T2_AVR_H
#define TK_CONV2D_T2_AVR_H

#include "tk_column_avr.h"
#include "tk_dot_t2_avr.h"

/* As tk_conv2d_t2, with fewer than 2^15 values in each activation. */
TK_KERNEL void tk_conv2d_t2_avr(const int8_t *input, int8_t zero_point, const TK_ROM uint8_t *weight,
                                const TK_ROM int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                                int8_t *output, const tk_window *window) {
    TK_COLUMNS_AVR(tk_channels_t2_avr)
}

#endif
