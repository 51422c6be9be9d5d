/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_S16_H
#define TK_S16_H

#include "tk.h"

/* What kernels of int16 activations share; their zero points are 0. */

/* How a 64-bit sum becomes an int16: (sum * multiplier) / 2^shift, rounded once, half up, then clamped. 15-bit
 * multipliers as TensorFlow Lite's for 64-bit sums; one, or one per channel. */
typedef struct {
    const int16_t *multiplier;
    const uint8_t *shift;
    int32_t per_channel; /* 1, or 0 when entry 0 serves all channels */
    int32_t min;
    int32_t max;
} tk_requant_s16;

typedef struct {
    const int32_t *multiplier;
    const uint8_t *shift;
    int32_t per_channel;
    int32_t min;
    int32_t max;
} tk_requant_exact_s16;

TK_INLINE int16_t tk_requantize_s16(int64_t acc, int32_t channel, const tk_requant_s16 *r) {
    const int32_t i = channel * r->per_channel;
    const int32_t shift = r->shift[i];
    const int64_t scaled = (acc * r->multiplier[i] + ((int64_t)1 << (shift - 1))) >> shift;
    return (int16_t)(scaled < r->min ? r->min : scaled > r->max ? r->max : scaled);
}

/* The same with a 31-bit multiplier, exact: the sum's low 16 bits are multiplied apart. shift is at least 17. */
TK_INLINE int16_t tk_requantize_exact_s16(int64_t acc, int32_t channel, const tk_requant_exact_s16 *r) {
    const int32_t i = channel * r->per_channel;
    const int64_t multiplier = r->multiplier[i];
    const int32_t shift = r->shift[i] - 16;
    const int64_t high = (acc >> 16) * multiplier, low = ((acc & 0xffff) * multiplier) >> 16;
    const int64_t scaled = (high + low + ((int64_t)1 << (shift - 1))) >> shift;
    return (int16_t)(scaled < r->min ? r->min : scaled > r->max ? r->max : scaled);
}

#endif
