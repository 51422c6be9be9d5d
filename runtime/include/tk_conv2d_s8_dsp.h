/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_S8_DSP_H
#define TK_CONV2D_S8_DSP_H

#include "tk_pixels_dsp.h"

/* As tk_conv2d_s8, two pixels by four output channels at a time, with weight and bias packed two rows in one multiply
 * (tk_fully_connected_s8_dsp.h says how). `scratch` holds two widened pixels, 4 * padded bytes with padded = depth
 * rounded up to 4, and `padded` bytes more when in_c is no multiple of 4. */
TK_KERNEL void tk_conv2d_s8_dsp(const int8_t *input, int32_t zero_point, const uint32_t *weight,
                                const int32_t *bias, const tk_requant_s8 *requant, uint32_t *scratch,
                                int8_t *output, const tk_window *window) {
    const int32_t depth = window->kernel_h * window->kernel_w * window->in_c;
    const int32_t padded = (depth + 3) & ~3;
    const int32_t channels = window->out_c, pixels = window->out_h * window->out_w;
    for (int32_t p = 0; p < pixels; p += 2) {
        const uint32_t *w = weight;
        const int32_t *start = bias;
        const int32_t pair = p + 1 < pixels;
        tk_gather_pair_dsp(input, p, zero_point, padded, scratch, window);
        for (int32_t o = 0; o < channels; o += 4, start += 4) {
            int32_t ra0 = start[0], la0 = start[1], rb0 = start[2], lb0 = start[3];
            int32_t ra1 = ra0, la1 = la0, rb1 = rb0, lb1 = lb0;
            const uint32_t *x = scratch;
            for (int32_t k = 0; k < padded; k += 2, x += 2, w += 2) {
                const uint32_t x0 = x[0], x1 = x[1];
                uint32_t word = w[0];
                ra0 = tk_smlad(word, x0, ra0);
                ra1 = tk_smlad(word, x1, ra1);
                word = tk_sxtb16(word);
                la0 = tk_smlad(word, x0, la0);
                la1 = tk_smlad(word, x1, la1);
                word = w[1];
                rb0 = tk_smlad(word, x0, rb0);
                rb1 = tk_smlad(word, x1, rb1);
                word = tk_sxtb16(word);
                lb0 = tk_smlad(word, x0, lb0);
                lb1 = tk_smlad(word, x1, lb1);
            }
            const int32_t first[4] = {la0, tk_high_row(ra0, la0), lb0, tk_high_row(rb0, lb0)};
            const int32_t second[4] = {la1, tk_high_row(ra1, la1), lb1, tk_high_row(rb1, lb1)};
            const int32_t count = tk_min(4, channels - o);
            for (int32_t i = 0; i < count; ++i) {
                output[o + i] = tk_requantize_s8(first[i], o + i, requant);
                if (pair) output[o + i + channels] = tk_requantize_s8(second[i], o + i, requant);
            }
        }
        output += 2 * channels;
    }
}

#endif
