/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_S8_NEON_H
#define TK_DEPTHWISE_S8_NEON_H

#include "tk_depthwise_s8.h"
#include "tk_neon.h"

#ifdef TK_HAS_NEON
typedef struct {
    int32x4_t low, high;
} tk_eight_neon;

/* Add eight channels of two places. Two products of int8 fit in 16 bits, because a weight is never -128. */
TK_INLINE void tk_two_taps_neon(tk_eight_neon *sum, int8x8_t wu, int8x8_t wv, const int8_t *u,
                                const int8_t *v) {
    const int16x8_t products = vmlal_s8(vmull_s8(wu, vld1_s8(u)), wv, vld1_s8(v));
    sum->low = vaddw_s16(sum->low, vget_low_s16(products));
    sum->high = vaddw_high_s16(sum->high, products);
}

TK_INLINE void tk_depthwise_s8_neon(const tk_depthwise_s8 *d, const tk_depthwise_run *run, int8_t *output) {
    const int32_t channels = d->channels, stride = (channels + 7) & ~7, step = run->step;
    const int8_t *x = run->first;
    int32_t left = run->pixels;
    while (left > 0) {
        const int32_t pixels = left >= TK_DEPTHWISE_PIXELS ? TK_DEPTHWISE_PIXELS : 1;
        for (int32_t o = 0; o < channels; o += 8) {
            const tk_requant_neon q = tk_load_requant_neon(d->requant, o);
            const int8_t *w = d->weight + o;
            const tk_eight_neon bias = {vld1q_s32(d->bias + o), vld1q_s32(d->bias + o + 4)};
            tk_eight_neon a = bias, b = bias, c = bias, e = bias;
            int8_t *const to = output + o;
            for (int32_t t = 0; t < d->taps; t += 2, w += 2 * stride) {
                const int8x8_t wu = vld1_s8(w), wv = vld1_s8(w + stride);
                const int8_t *u = x + run->offset[t] + o, *v = x + run->offset[t + 1] + o;
                tk_two_taps_neon(&a, wu, wv, u, v);
                if (pixels == 1) continue;
                tk_two_taps_neon(&b, wu, wv, u + step, v + step);
                tk_two_taps_neon(&c, wu, wv, u + 2 * step, v + 2 * step);
                tk_two_taps_neon(&e, wu, wv, u + 3 * step, v + 3 * step);
            }
            tk_requantize_neon(a.low, a.high, &q, d->requant, to, channels - o);
            if (pixels == 1) continue;
            tk_requantize_neon(b.low, b.high, &q, d->requant, to + channels, channels - o);
            tk_requantize_neon(c.low, c.high, &q, d->requant, to + 2 * channels, channels - o);
            tk_requantize_neon(e.low, e.high, &q, d->requant, to + 3 * channels, channels - o);
        }
        left -= pixels;
        x += pixels * step;
        output += pixels * channels;
    }
}
#endif

#endif
