/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TOKEN_SCALING_H
#define TK_TOKEN_SCALING_H

#include "tk.h"

/* How the int32 sum of a layer whose input has a scale for each row becomes float32. */
typedef struct {
    const float *scale;  /* of the weights: one, or one for each channel */
    int32_t per_channel; /* 1, or 0 when entry 0 serves all channels */
    const float *bias;   /* (channels), or 0 */
    float min, max;      /* of a fused activation; infinite without one */
} tk_token_scaling;

/* `token` is the scale of the input's row. NaN stays NaN. */
TK_INLINE float tk_scaled_sum(int32_t sum, float token, int32_t channel, const tk_token_scaling *s) {
    float y = (float)sum * (token * s->scale[channel * s->per_channel]);
    if (s->bias) y += s->bias[channel];
    return y < s->min ? s->min : y > s->max ? s->max : y;
}

#endif
