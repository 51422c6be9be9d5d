/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_PLAIN_S8_DSP_H
#define TK_CONV2D_PLAIN_S8_DSP_H

#include "tk_gather_three_dsp.h"

/* As tk_conv2d_s8_dsp, one output channel by three pixels, for sums and multipliers of any size. A row of `weight` is
 * kernel_h times kernel_w * in_c values, each rounded up to 4 with zeros. */
TK_KERNEL void tk_conv2d_plain_s8_dsp(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                      const int32_t *bias, const tk_requant_s8 *requant, uint32_t *scratch,
                                      int8_t *output, const tk_window *window) {
    const int32_t row = (window->kernel_w * window->in_c + 3) & ~3, depth = window->kernel_h * row;
    const int32_t channels = window->out_c, pixels = window->out_h * window->out_w;
    int8_t *const bytes = (int8_t *)(scratch + 3 * depth / 2);
    for (int32_t p = 0; p < pixels; p += 3) {
        const int8_t *w = weight;
        if (tk_is_pointwise(window) && window->in_c % 4 == 0) {
            tk_widen_pixels_dsp(input, p, scratch, window);
        } else {
            tk_gather_three_dsp(input, p, zero_point, row, bytes, scratch, window);
        }
        for (int32_t o = 0; o < channels; ++o) {
            const uint32_t *x = scratch;
            int32_t sums[3] = {bias[o], bias[o], bias[o]};
            for (int32_t k = 0; k < depth; k += 4, w += 4, x += 6) {
                const uint32_t word = tk_load4(w), even = tk_sxtb16(word), odd = tk_sxtb16_odd(word);
                for (int32_t i = 0; i < 3; ++i)
                    sums[i] = tk_smlad(odd, x[i + 3], tk_smlad(even, x[i], sums[i]));
            }
            for (int32_t i = 0; i < tk_min(3, pixels - p); ++i) {
                output[i * channels + o] = tk_requantize_s8(sums[i], o, requant);
            }
        }
        output += 3 * channels;
    }
}

#endif
