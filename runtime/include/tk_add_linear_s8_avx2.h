/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_ADD_LINEAR_S8_AVX2_H
#define TK_ADD_LINEAR_S8_AVX2_H

#include "tk_add_linear_s8.h"
#include "tk_avx2.h"

#ifdef TK_HAS_AVX2
/* A pair of 16-bit factors, for lanes that hold a value of a and one of b. */
TK_AVX2_INLINE __m256i tk_factors_avx2(int32_t a, int32_t b) {
    return _mm256_set1_epi32((int32_t)((uint32_t)a & 0xFFFFu) | (int32_t)((uint32_t)b << 16));
}

/* The low halves of the factors are made signed, the high ones larger by what that takes. */
TK_AVX2_FUNCTION void tk_add_run_avx2(const int8_t *a, const int8_t *b, const tk_add_linear *f,
                                      int8_t *output, int32_t size) {
    const __m256i low = tk_factors_avx2(f->a_low, f->b_low);
    const __m256i high = tk_factors_avx2(f->a_high + (f->a_low >> 15), f->b_high + (f->b_low >> 15));
    const __m256i bias_low = _mm256_set1_epi32(f->bias_low), bias_high = _mm256_set1_epi32(f->bias_high);
    const __m256i min = _mm256_set1_epi32(f->min), max = _mm256_set1_epi32(f->max);
    const __m128i shift = _mm_cvtsi32_si128(f->shift);
    for (int32_t i = 0; i < size; i += 8) {
        const __m256i pairs =
            _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(tk_load8_avx2(a + i), tk_load8_avx2(b + i)));
        const __m256i rest = _mm256_add_epi32(_mm256_madd_epi16(pairs, low), bias_low);
        __m256i sum = _mm256_add_epi32(_mm256_madd_epi16(pairs, high), bias_high);
        sum = _mm256_sra_epi32(_mm256_add_epi32(sum, _mm256_srai_epi32(rest, 16)), shift);
        sum = _mm256_max_epi32(min, _mm256_min_epi32(sum, max));
        const __m128i lanes = _mm_packs_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        _mm_storel_epi64((__m128i *)(void *)(output + i), _mm_packs_epi16(lanes, lanes));
    }
}
#endif

/* As tk_add_linear_s8, eight values at a time. */
TK_KERNEL void tk_add_linear_s8_avx2(const int8_t *a, const int8_t *b, const tk_add_linear *f, int8_t *output,
                                     int32_t rows, int32_t size) {
#ifdef TK_HAS_AVX2
    if ((tk_cpu() & TK_CPU_AVX2) && f->a_high < INT16_MAX && f->b_high < INT16_MAX) {
        const int32_t whole = size & ~7;
        for (int32_t row = 0; row < rows; ++row, a += size, output += size) {
            tk_add_run_avx2(a, b, f, output, whole);
            tk_add_linear_s8(a + whole, b + whole, f, output + whole, 1, size - whole);
        }
        return;
    }
#endif
    tk_add_linear_s8(a, b, f, output, rows, size);
}

#endif
