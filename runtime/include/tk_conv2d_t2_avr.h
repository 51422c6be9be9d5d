/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_T2_AVR_H
#define TK_CONV2D_T2_AVR_H

#include "tk_column_avr.h"
#include "tk_dot_t2_avr.h"

/* As tk_conv2d_t2, with fewer than 2^15 values in each activation. */
TK_KERNEL void tk_conv2d_t2_avr(const int8_t *input, int8_t zero_point, const TK_ROM uint8_t *weight,
                                const TK_ROM int32_t *bias, const tk_requant_s8 *requant, int8_t *scratch,
                                int8_t *output, const tk_window *window) {
    const uint16_t depth = (uint16_t)(window->kernel_h * window->kernel_w * window->in_c);
    const uint16_t channels = (uint16_t)window->out_c;
    const int pointwise = tk_is_pointwise(window);
    for (int16_t y = 0; y < (int16_t)window->out_h; ++y) {
        for (int16_t x = 0; x < (int16_t)window->out_w; ++x) {
            const int8_t *column = input;
            if (pointwise) {
                input += depth;
            } else {
                tk_column_s8_avr(input, y, x, zero_point, scratch, window);
                column = scratch;
            }
            output = tk_channels_t2_avr(column, weight, bias, requant, output, depth, channels);
        }
    }
}

#endif
