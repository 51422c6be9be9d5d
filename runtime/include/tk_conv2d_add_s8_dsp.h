/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_ADD_S8_DSP_H
#define TK_CONV2D_ADD_S8_DSP_H

#include "tk_conv2d_s8_dsp.h"

/* As tk_conv2d_s8_dsp without bounds, and to what it would write `addend` is added, of the same shape. `output` lies
 * three pixels or more below `addend`, or elsewhere: those of a tile are read more than once. */
TK_KERNEL void tk_conv2d_add_s8_dsp(const int8_t *input, int32_t zero_point, const uint32_t *weight,
                                    const int32_t *finish, int32_t double_rounding, const int8_t *addend,
                                    const tk_add_short *form, uint32_t *scratch, int8_t *output,
                                    const tk_window *window) {
    tk_conv2d_pairs_dsp(input, zero_point, weight, finish, double_rounding, form->min, form->max, addend,
                        form, scratch, output, window);
}

#endif
