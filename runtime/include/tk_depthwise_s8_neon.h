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

/* Eight channels of two or four pixels, a literal. */
TK_INLINE void tk_pixels_neon(const tk_depthwise_s8 *d, const tk_requant_neon *q, const int8_t *x,
                              const int32_t *offset, int32_t step, int8_t *to, int32_t out_step,
                              const int32_t pixels) {
    const int32_t o = q->channel, count = d->channels - o, stride = (d->channels + 7) & ~7;
    const int8_t *w = d->weight + o;
    const tk_eight_neon bias = {vld1q_s32(d->bias + o), vld1q_s32(d->bias + o + 4)};
    tk_eight_neon e = bias, f = bias, g = bias, h = bias;
    for (int32_t t = 0; t < d->taps; t += 2, w += 2 * stride) {
        const int8x8_t wu = vld1_s8(w), wv = vld1_s8(w + stride);
        const int8_t *const u = x + offset[t] + o, *const v = x + offset[t + 1] + o;
        tk_two_taps_neon(&e, wu, wv, u, v);
        tk_two_taps_neon(&f, wu, wv, u + step, v + step);
        if (pixels == 2) continue;
        tk_two_taps_neon(&g, wu, wv, u + 2 * step, v + 2 * step);
        tk_two_taps_neon(&h, wu, wv, u + 3 * step, v + 3 * step);
    }
    tk_requantize_neon(e.low, e.high, q, d->requant, to, count);
    tk_requantize_neon(f.low, f.high, q, d->requant, to + out_step, count);
    if (pixels == 2) return;
    tk_requantize_neon(g.low, g.high, q, d->requant, to + 2 * out_step, count);
    tk_requantize_neon(h.low, h.high, q, d->requant, to + 3 * out_step, count);
}

TK_INLINE void tk_depthwise_s8_neon(const tk_depthwise_s8 *d, const tk_depthwise_run *run, int8_t *output) {
    TK_DEPTHWISE_BLOCKS(neon);
}
#endif

#endif
