/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RESCALE_S16_H
#define TK_RESCALE_S16_H

#include "tk.h"

/* How a 32-bit product becomes an int16. */
typedef struct {
    int32_t multiplier, shift;
    int32_t min, max;
    int32_t double_rounding; /* 1: tk_requantize_double */
} tk_scale_s16;

TK_INLINE int16_t tk_scaled_s16(int32_t x, const tk_scale_s16 *s) {
    const int32_t scaled = s->double_rounding ? tk_requantize_double(x, s->multiplier, s->shift)
                                              : tk_requantize(x, s->multiplier, s->shift);
    return (int16_t)tk_clamp(scaled, s->min, s->max);
}

/* From one scale to another, within bounds. `output` may be `input`. */
TK_KERNEL void tk_rescale_s16(const int16_t *input, const tk_scale_s16 *scale, int16_t *output,
                              int32_t size) {
    for (int32_t i = 0; i < size; ++i) output[i] = tk_scaled_s16(input[i], scale);
}

#endif
