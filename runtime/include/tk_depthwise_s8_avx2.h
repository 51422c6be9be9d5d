/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_S8_AVX2_H
#define TK_DEPTHWISE_S8_AVX2_H

#include "tk_avx2.h"
#include "tk_depthwise_s8.h"

#ifdef TK_HAS_AVX2
/* Eight channels of two places, side by side, widened. */
TK_AVX2_INLINE __m256i tk_two_taps_avx2(const int8_t *a, const int8_t *b) {
    return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(tk_load8_avx2(a), tk_load8_avx2(b)));
}

TK_AVX2_INLINE void tk_add_taps_avx2(__m256i *sum, __m256i weights, const int8_t *u, const int8_t *v) {
    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(weights, tk_two_taps_avx2(u, v)));
}

/* Eight channels of two or four pixels, a literal. */
TK_AVX2_INLINE void tk_pixels_avx2(const tk_depthwise_s8 *d, const tk_requant_avx2 *q, const int8_t *x,
                                   const int32_t *offset, int32_t step, int8_t *to, int32_t out_step,
                                   const int32_t pixels) {
    const int32_t o = q->channel, count = d->channels - o, stride = (d->channels + 7) & ~7;
    const int8_t *w = d->weight + o;
    const __m256i bias = tk_load_avx2(d->bias + o);
    __m256i e = bias, f = bias, g = bias, h = bias;
    for (int32_t t = 0; t < d->taps; t += 2, w += 2 * stride) {
        const __m256i weights = tk_two_taps_avx2(w, w + stride);
        const int8_t *const u = x + offset[t] + o, *const v = x + offset[t + 1] + o;
        tk_add_taps_avx2(&e, weights, u, v);
        tk_add_taps_avx2(&f, weights, u + step, v + step);
        if (pixels == 2) continue;
        tk_add_taps_avx2(&g, weights, u + 2 * step, v + 2 * step);
        tk_add_taps_avx2(&h, weights, u + 3 * step, v + 3 * step);
    }
    tk_requantize_avx2(e, q, to, count);
    tk_requantize_avx2(f, q, to + out_step, count);
    if (pixels == 2) return;
    tk_requantize_avx2(g, q, to + 2 * out_step, count);
    tk_requantize_avx2(h, q, to + 3 * out_step, count);
}

TK_AVX2_FUNCTION void tk_depthwise_s8_avx2(const tk_depthwise_s8 *d, const tk_depthwise_run *run,
                                           int8_t *output) {
    TK_DEPTHWISE_BLOCKS(avx2);
}
#endif

#endif
