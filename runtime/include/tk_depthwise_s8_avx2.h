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

TK_AVX2_FUNCTION void tk_depthwise_s8_avx2(const tk_depthwise_s8 *d, const tk_depthwise_run *run,
                                           int8_t *output) {
    const int32_t channels = d->channels, stride = (channels + 7) & ~7, step = run->step;
    const int8_t *x = run->first;
    int32_t left = run->pixels;
    while (left > 0) {
        const int32_t pixels = left >= TK_DEPTHWISE_PIXELS ? TK_DEPTHWISE_PIXELS : 1;
        for (int32_t o = 0; o < channels; o += 8) {
            const tk_requant_avx2 q = tk_load_requant_avx2(d->requant, o);
            const int8_t *w = d->weight + o;
            const __m256i bias = tk_load_avx2(d->bias + o);
            __m256i a = bias, b = bias, c = bias, e = bias;
            int8_t *const to = output + o;
            for (int32_t t = 0; t < d->taps; t += 2, w += 2 * stride) {
                const __m256i weights = tk_two_taps_avx2(w, w + stride);
                const int8_t *u = x + run->offset[t] + o, *v = x + run->offset[t + 1] + o;
                a = _mm256_add_epi32(a, _mm256_madd_epi16(weights, tk_two_taps_avx2(u, v)));
                if (pixels == 1) continue;
                b = _mm256_add_epi32(b, _mm256_madd_epi16(weights, tk_two_taps_avx2(u + step, v + step)));
                c = _mm256_add_epi32(
                    c, _mm256_madd_epi16(weights, tk_two_taps_avx2(u + 2 * step, v + 2 * step)));
                e = _mm256_add_epi32(
                    e, _mm256_madd_epi16(weights, tk_two_taps_avx2(u + 3 * step, v + 3 * step)));
            }
            tk_requantize_avx2(a, &q, to, channels - o);
            if (pixels == 1) continue;
            tk_requantize_avx2(b, &q, to + channels, channels - o);
            tk_requantize_avx2(c, &q, to + 2 * channels, channels - o);
            tk_requantize_avx2(e, &q, to + 3 * channels, channels - o);
        }
        left -= pixels;
        x += pixels * step;
        output += pixels * channels;
    }
}
#endif

#endif
