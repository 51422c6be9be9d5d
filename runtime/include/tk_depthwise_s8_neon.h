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
    const int32_t channels = d->channels, stride = (channels + 7) & ~7;
    for (int32_t done = 0; done < run->pixels; done += 4) {
        const tk_four_pixels four = tk_next_pixels(run, done);
        const int8_t *const x = run->first + four.first * run->step;
        for (int32_t o = 0; o < channels; o += 8) {
            const tk_requant_neon q = tk_load_requant_neon(d->requant, o);
            const int8_t *w = d->weight + o;
            const tk_eight_neon bias = {vld1q_s32(d->bias + o), vld1q_s32(d->bias + o + 4)};
            tk_eight_neon sum[4] = {bias, bias, bias, bias};
            for (int32_t t = 0; t < d->taps; t += 2, w += 2 * stride) {
                const int8x8_t wu = vld1_s8(w), wv = vld1_s8(w + stride);
                const int8_t *const u = x + run->offset[t] + o, *const v = x + run->offset[t + 1] + o;
                tk_two_taps_neon(&sum[0], wu, wv, u, v);
                tk_two_taps_neon(&sum[1], wu, wv, u + four.step[1], v + four.step[1]);
                tk_two_taps_neon(&sum[2], wu, wv, u + four.step[2], v + four.step[2]);
                tk_two_taps_neon(&sum[3], wu, wv, u + four.step[3], v + four.step[3]);
            }
            for (int32_t i = 0; i < four.count; ++i) {
                int8_t *const to = output + (four.first + i) * channels + o;
                tk_requantize_neon(sum[i].low, sum[i].high, &q, d->requant, to, channels - o);
            }
        }
    }
}
#endif

#endif
