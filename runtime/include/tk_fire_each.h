/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FIRE_EACH_H
#define TK_FIRE_EACH_H

#include "tk_each.h"
#include "tk_fire.h"

/* As tk_fire.h, for neurons with thresholds of their own, which begin again after `period` of them. */
TK_KERNEL void tk_fire_each_f32(const float *v, const float *rise, const tk_each_f32 *threshold,
                                int32_t period, int32_t strict, float *output, int32_t size) {
    for (int32_t i = 0, at = 0; i < size; ++i) {
        tk_fire_f32(v + i, rise ? rise + i : 0, TK_EACH(*threshold, at), strict, output + i, 1);
        if (++at == period) at = 0;
    }
}

TK_KERNEL void tk_fire_each_s16(const int16_t *v, const int16_t *rise, const tk_each_s32 *threshold,
                                int32_t period, int8_t *output, int32_t size) {
    for (int32_t i = 0, at = 0; i < size; ++i) {
        tk_fire_s16(v + i, rise ? rise + i : 0, TK_EACH(*threshold, at), output + i, 1);
        if (++at == period) at = 0;
    }
}

#endif
