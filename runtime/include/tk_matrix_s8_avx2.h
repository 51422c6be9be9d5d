/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MATRIX_S8_AVX2_H
#define TK_MATRIX_S8_AVX2_H

#include "tk_avx2.h"
#include "tk_matrix_s8.h"

#ifdef TK_HAS_AVX2
/* Channels 0..3 and 4..7 of a block, two partial sums each. */
typedef struct {
    __m256i low, high;
} tk_sums_avx2;

TK_AVX2_INLINE void tk_multiply_add_avx2(tk_sums_avx2 *sums, __m256i low, __m256i high, const int16_t *x) {
    const __m256i four = _mm256_broadcastq_epi64(tk_load8_avx2(x));
    sums->low = _mm256_add_epi32(sums->low, _mm256_madd_epi16(low, four));
    sums->high = _mm256_add_epi32(sums->high, _mm256_madd_epi16(high, four));
}

TK_AVX2_INLINE __m256i tk_channels_avx2(const tk_sums_avx2 *sums, const int32_t *bias) {
    const __m256i pairs = _mm256_hadd_epi32(sums->low, sums->high); /* channels 0 1 4 5 | 2 3 6 7 */
    return _mm256_add_epi32(_mm256_permute4x64_epi64(pairs, 0xD8), tk_load_avx2(bias));
}

TK_AVX2_INLINE __m256i tk_four_weights_avx2(const int8_t *w) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w));
}

/* `wide` holds 4 * depth lanes: the columns, widened. A column may lie in the upper half of its own lanes there. */
TK_AVX2_FUNCTION void tk_matrix_s8_avx2(const tk_matrix_s8 *m, const int8_t *const *column, int16_t *wide,
                                        int32_t columns, int8_t *output) {
    const int32_t depth = m->depth, channels = m->channels;
    for (int32_t i = 0; i < columns; ++i) {
        for (int32_t k = 0; k < depth; k += 8) {
            const __m128i lanes = _mm_cvtepi8_epi16(tk_load8_avx2(column[i] + k));
            _mm_storeu_si128((__m128i *)(void *)(wide + i * depth + k), lanes);
        }
    }
    for (int32_t o = 0; o < channels; o += 8) {
        const tk_requant_avx2 q = tk_load_requant_avx2(m->requant, o);
        const int8_t *weight = m->weight + (int64_t)o * depth;
        const tk_sums_avx2 none = {_mm256_setzero_si256(), _mm256_setzero_si256()};
        if (columns == TK_MATRIX_COLUMNS) {
            tk_sums_avx2 a = none, b = none, c = none, d = none;
            const int16_t *x = wide;
            for (int32_t k = 0; k < depth; k += 4, x += 4) {
                const __m256i low = tk_four_weights_avx2(weight + 8 * k);
                const __m256i high = tk_four_weights_avx2(weight + 8 * k + 16);
                tk_multiply_add_avx2(&a, low, high, x);
                tk_multiply_add_avx2(&b, low, high, x + depth);
                tk_multiply_add_avx2(&c, low, high, x + 2 * depth);
                tk_multiply_add_avx2(&d, low, high, x + 3 * depth);
            }
            tk_requantize_avx2(tk_channels_avx2(&a, m->bias + o), &q, output + o, channels - o);
            tk_requantize_avx2(tk_channels_avx2(&b, m->bias + o), &q, output + o + channels, channels - o);
            tk_requantize_avx2(tk_channels_avx2(&c, m->bias + o), &q, output + o + 2 * channels,
                               channels - o);
            tk_requantize_avx2(tk_channels_avx2(&d, m->bias + o), &q, output + o + 3 * channels,
                               channels - o);
            continue;
        }
        for (int32_t i = 0; i < columns; ++i) {
            tk_sums_avx2 a = none, b = none;
            const int16_t *x = wide + i * depth;
            for (int32_t k = 0; k < depth; k += 8, x += 8) {
                const int8_t *w = weight + 8 * k;
                tk_multiply_add_avx2(&a, tk_four_weights_avx2(w), tk_four_weights_avx2(w + 16), x);
                tk_multiply_add_avx2(&b, tk_four_weights_avx2(w + 32), tk_four_weights_avx2(w + 48), x + 4);
            }
            a.low = _mm256_add_epi32(a.low, b.low);
            a.high = _mm256_add_epi32(a.high, b.high);
            tk_requantize_avx2(tk_channels_avx2(&a, m->bias + o), &q, output + o + i * channels,
                               channels - o);
        }
    }
}
#endif

#endif
