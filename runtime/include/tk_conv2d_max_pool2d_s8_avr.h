/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_MAX_POOL2D_S8_AVR_H
#define TK_CONV2D_MAX_POOL2D_S8_AVR_H

#include "tk_column_avr.h"
#include "tk_dot_avr.h"

/* As tk_conv2d_max_pool2d_s8, with weights in -127..127 and fewer than 2^15 values in each activation. `scratch` holds one
 * column for each pixel that is pooled. */
TK_KERNEL void tk_conv2d_max_pool2d_s8_avr(const int8_t *input, int8_t zero_point,
                                           const TK_ROM int8_t *weight, const TK_ROM int32_t *bias,
                                           const tk_requant_s8 *requant, int8_t *scratch, int8_t *output,
                                           uint8_t pool_h, uint8_t pool_w, const tk_window *window) {
    const uint16_t depth = (uint16_t)(window->kernel_h * window->kernel_w * window->in_c);
    const uint16_t channels = (uint16_t)window->out_c;
    for (int16_t y = 0; y < (int16_t)window->out_h; y = (int16_t)(y + pool_h)) {
        for (int16_t x = 0; x < (int16_t)window->out_w; x = (int16_t)(x + pool_w)) {
            int8_t *end = scratch;
            for (uint8_t i = 0; i < pool_h; ++i) {
                for (uint8_t j = 0; j < pool_w; ++j, end += depth) {
                    tk_column_s8_avr(input, (int16_t)(y + i), (int16_t)(x + j), zero_point, end, window);
                }
            }
            const TK_ROM int8_t *w = weight;
            for (uint16_t o = 0; o < channels; ++o, w += depth) {
                int32_t best = INT32_MIN;
                for (const int8_t *column = scratch; column != end; column += depth) {
                    best = tk_max(best, tk_dot_s8_avr(column, w, depth, bias[o]));
                }
                *output++ = tk_requantize_s8(best, o, requant);
            }
        }
    }
}

#endif
