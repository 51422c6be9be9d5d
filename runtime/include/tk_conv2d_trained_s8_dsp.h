/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_TRAINED_S8_DSP_H
#define TK_CONV2D_TRAINED_S8_DSP_H

#include "tk_conv2d_plain_s8_dsp.h"
#include "tk_fold_bias.h"

/* As tk_conv2d_trained_s8, by the SMLAD of tk_conv2d_plain_s8_dsp, for kernel rows of whole words. `scratch` holds out_c
 * sums, and then what that kernel wants. */
TK_KERNEL void tk_conv2d_trained_s8_dsp(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                        const int32_t *bias, const tk_requant_s8 *requant, int32_t *scratch,
                                        int8_t *output, const tk_window *window) {
    const int32_t depth = window->kernel_h * window->kernel_w * window->in_c;
    tk_fold_bias_s8(weight, bias, zero_point, scratch, window->out_c, depth);
    tk_conv2d_plain_s8_dsp(input, zero_point, weight, scratch, requant, (uint32_t *)(scratch + window->out_c),
                           output, window);
}

#endif
