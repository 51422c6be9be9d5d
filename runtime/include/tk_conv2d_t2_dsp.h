/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_T2_DSP_H
#define TK_CONV2D_T2_DSP_H

#include "tk_pixels_dsp.h"
#include "tk_ternary_dsp.h"

/* As tk_conv2d_t2, two pixels by four output channels at a time, weights packed two rows in one multiply: one AND
 * unpacks two rows by two columns for both pixels. `scratch` is that of tk_conv2d_s8_dsp with depth rounded up to 4. */
TK_KERNEL void tk_conv2d_t2_dsp(const int8_t *input, int32_t zero_point, const uint32_t *weight,
                                const int32_t *bias, const tk_requant_s8 *requant, uint32_t *scratch,
                                int8_t *output, const tk_window *window) {
    const int32_t depth = window->kernel_h * window->kernel_w * window->in_c;
    const int32_t padded = (depth + 3) & ~3;
    const int32_t channels = window->out_c, pixels = window->out_h * window->out_w;
    for (int32_t p = 0; p < pixels; p += 2) {
        const uint32_t *w = weight;
        const int32_t pair = p + 1 < pixels;
        tk_gather_pair_dsp(input, p, zero_point, padded, scratch, window);
        const int32_t sum0 = tk_sum_lanes_dsp(scratch, padded, 2);
        const int32_t sum1 = tk_sum_lanes_dsp(scratch + 1, padded, 2);
        for (int32_t o = 0; o < channels; o += 4) {
            int32_t first[4] = {-sum0, 0, -sum0, 0}, second[4] = {-sum1, 0, -sum1, 0};
            const uint32_t *x = scratch;
            for (int32_t left = padded; left > 0; left -= 32) {
                int32_t a0 = 0, a1 = 0, b0 = 0, b1 = 0;
                for (int32_t n = tk_min(left, 32); n > 0; n -= 4, x += 4) {
                    const uint32_t word = *w++;
                    const uint32_t a02 = word & TK_TERNARY_MASK, b02 = TK_AND_ROR(TK_TERNARY_MASK, word, 4);
                    const uint32_t a13 = TK_AND_ROR(TK_TERNARY_MASK, word, 8);
                    const uint32_t b13 = TK_AND_ROR(TK_TERNARY_MASK, word, 12);
                    a0 = tk_smlad(a13, x[2], tk_smlad(a02, x[0], a0));
                    a1 = tk_smlad(a13, x[3], tk_smlad(a02, x[1], a1));
                    b0 = tk_smlad(b13, x[2], tk_smlad(b02, x[0], b0));
                    b1 = tk_smlad(b13, x[3], tk_smlad(b02, x[1], b1));
                }
                TK_TERNARY_SPLIT(a0, first[0], first[1]);
                TK_TERNARY_SPLIT(b0, first[2], first[3]);
                TK_TERNARY_SPLIT(a1, second[0], second[1]);
                TK_TERNARY_SPLIT(b1, second[2], second[3]);
            }
            for (int32_t i = 0; i < 4 && o + i < channels; ++i) {
                output[o + i] = tk_requantize_s8(first[i] + bias[o + i], o + i, requant);
                if (pair) {
                    output[o + i + channels] = tk_requantize_s8(second[i] + bias[o + i], o + i, requant);
                }
            }
        }
        output += 2 * channels;
    }
}

#endif
