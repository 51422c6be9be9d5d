/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_REQUANT_WIDE_H
#define TK_REQUANT_WIDE_H

#include "tk.h"

/* How a sum becomes an int16: ((sum * multiplier >> 16) + bias) >> shift, the half that rounds being in the bias. One
 * multiplier, or one per channel; the bias is per channel. */
typedef struct {
    const int32_t *multiplier;
    const int32_t *bias;
    int32_t per_channel; /* 1, or 0 when multiplier 0 serves all channels */
    int32_t shift;
} tk_requant_wide;

TK_INLINE int16_t tk_finish_wide(int32_t sum, int32_t channel, const tk_requant_wide *r) {
    const int64_t product = (int64_t)sum * r->multiplier[channel * r->per_channel] >> 16;
    const int64_t moved = (product + r->bias[channel]) >> r->shift;
    return (int16_t)(moved < -32768 ? -32768 : moved > 32767 ? 32767 : moved);
}

#endif
