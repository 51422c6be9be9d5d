/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FIRE_H
#define TK_FIRE_H

#include "tk.h"

/* output[i] = 1 where v[i] has reached the threshold, plus rise[i] where that is not 0; else 0. `strict`: the threshold
 * itself makes no spike. */
TK_KERNEL void tk_fire_f32(const float *v, const float *rise, float threshold, int32_t strict, float *output,
                           int32_t size) {
    for (int32_t i = 0; i < size; ++i) {
        const float level = rise ? rise[i] + threshold : threshold;
        output[i] = (strict ? v[i] > level : v[i] >= level) ? 1.0f : 0.0f;
    }
}

/* The same of integers, all in steps of v. `output` may be `v`. */
TK_KERNEL void tk_fire_s16(const int16_t *v, const int16_t *rise, int32_t threshold, int8_t *output,
                           int32_t size) {
    for (int32_t i = 0; i < size; ++i) output[i] = (int8_t)(v[i] >= (rise ? rise[i] + threshold : threshold));
}

#endif
