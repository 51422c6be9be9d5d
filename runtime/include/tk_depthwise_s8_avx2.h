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

TK_AVX2_FUNCTION void tk_depthwise_s8_avx2(const tk_depthwise_s8 *d, const tk_depthwise_run *run,
                                           int8_t *output) {
    const int32_t channels = d->channels, stride = (channels + 7) & ~7;
    for (int32_t done = 0; done < run->pixels; done += 4) {
        const tk_four_pixels four = tk_next_pixels(run, done);
        const int8_t *const x = run->first + four.first * run->step;
        for (int32_t o = 0; o < channels; o += 8) {
            const tk_requant_avx2 q = tk_load_requant_avx2(d->requant, o);
            const int8_t *w = d->weight + o;
            const __m256i bias = tk_load_avx2(d->bias + o);
            __m256i sum[4] = {bias, bias, bias, bias};
            for (int32_t t = 0; t < d->taps; t += 2, w += 2 * stride) {
                const __m256i weights = tk_two_taps_avx2(w, w + stride);
                const int8_t *const u = x + run->offset[t] + o, *const v = x + run->offset[t + 1] + o;
                tk_add_taps_avx2(&sum[0], weights, u, v);
                tk_add_taps_avx2(&sum[1], weights, u + four.step[1], v + four.step[1]);
                tk_add_taps_avx2(&sum[2], weights, u + four.step[2], v + four.step[2]);
                tk_add_taps_avx2(&sum[3], weights, u + four.step[3], v + four.step[3]);
            }
            for (int32_t i = 0; i < four.count; ++i) {
                tk_requantize_avx2(sum[i], &q, output + (four.first + i) * channels + o, channels - o);
            }
        }
    }
}
#endif

#endif
