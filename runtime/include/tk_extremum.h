/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_EXTREMUM_H
#define TK_EXTREMUM_H

#include "tk_reduction.h"

/* The largest or the smallest values. */

TK_KERNEL void tk_amax_s8(const int8_t *input, int8_t *output, const tk_reduction *s) {
    TK_REDUCE(int8_t, int8_t, from[0], value > total ? value : total, total);
}

TK_KERNEL void tk_amin_s8(const int8_t *input, int8_t *output, const tk_reduction *s) {
    TK_REDUCE(int8_t, int8_t, from[0], value < total ? value : total, total);
}

TK_KERNEL void tk_amax_f32(const float *input, float *output, const tk_reduction *s) {
    TK_REDUCE(float, float, from[0], value > total ? value : total, total);
}

TK_KERNEL void tk_amin_f32(const float *input, float *output, const tk_reduction *s) {
    TK_REDUCE(float, float, from[0], value < total ? value : total, total);
}

#endif
