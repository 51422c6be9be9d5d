/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MATRIX_S8_VNNI_H
#define TK_MATRIX_S8_VNNI_H

#include "tk_avx2.h"
#include "tk_matrix_s8.h"

/* AVX2 with vpdpbusd, which adds four products of unsigned and signed bytes: columns are read 128 larger than they are.
 * The instruction has two encodings, and processors with either one only. */
#if defined(TK_HAS_AVX2) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define TK_HAS_VNNI /* the assembler knows it */

TK_AVX2_INLINE __m256i tk_dot_vnni(__m256i sum, const uint8_t *x, __m256i w, const int avx512) {
    const __m256i four = _mm256_broadcastd_epi32(_mm_loadu_si32(x));
    if (avx512) {
        __asm("%{evex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(four), "x"(w));
    } else {
        __asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(four), "x"(w));
    }
    return sum;
}

/* Four columns by two blocks. */
TK_AVX2_INLINE void tk_four_columns_vnni(const tk_matrix_s8 *m, const uint8_t *x, const int32_t *bias,
                                         int8_t *output, const int avx512) {
    const int32_t depth = m->depth, channels = m->channels;
    for (int32_t o = 0; o < channels; o += 16) {
        const int32_t second = o + 8 < channels ? o + 8 : o;
        const int8_t *v = m->weight + (int64_t)o * depth, *w = m->weight + (int64_t)second * depth;
        __m256i a = tk_load_avx2(bias + o), b = a, c = a, d = a;
        __m256i e = tk_load_avx2(bias + second), f = e, g = e, h = e;
        for (int32_t k = 0; k < depth; k += 4, v += 32, w += 32) {
            const __m256i left = tk_load_avx2(v), right = tk_load_avx2(w);
            a = tk_dot_vnni(a, x + k, left, avx512);
            e = tk_dot_vnni(e, x + k, right, avx512);
            b = tk_dot_vnni(b, x + k + 2 * depth, left, avx512);
            f = tk_dot_vnni(f, x + k + 2 * depth, right, avx512);
            c = tk_dot_vnni(c, x + k + 4 * depth, left, avx512);
            g = tk_dot_vnni(g, x + k + 4 * depth, right, avx512);
            d = tk_dot_vnni(d, x + k + 6 * depth, left, avx512);
            h = tk_dot_vnni(h, x + k + 6 * depth, right, avx512);
        }
        tk_requant_avx2 q = tk_load_requant_avx2(m->requant, o);
        int8_t *to = output + o;
        tk_requantize_avx2(a, &q, to, channels - o);
        tk_requantize_avx2(b, &q, to + channels, channels - o);
        tk_requantize_avx2(c, &q, to + 2 * channels, channels - o);
        tk_requantize_avx2(d, &q, to + 3 * channels, channels - o);
        if (second == o) break;
        q = tk_load_requant_avx2(m->requant, second);
        to += 8;
        tk_requantize_avx2(e, &q, to, channels - second);
        tk_requantize_avx2(f, &q, to + channels, channels - second);
        tk_requantize_avx2(g, &q, to + 2 * channels, channels - second);
        tk_requantize_avx2(h, &q, to + 3 * channels, channels - second);
    }
}

/* One column by four blocks, with two sums each, since a sum takes several cycles. */
TK_AVX2_INLINE void tk_one_column_vnni(const tk_matrix_s8 *m, const uint8_t *x, const int32_t *bias,
                                       int8_t *output, const int avx512) {
    const int32_t depth = m->depth, channels = m->channels, last = (channels - 1) & ~7;
    for (int32_t o = 0; o < channels; o += 32) {
        const int32_t p = tk_min(o + 8, last), q = tk_min(o + 16, last), r = tk_min(o + 24, last);
        const int8_t *const weight = m->weight;
        const int8_t *s = weight + (int64_t)o * depth, *t = weight + (int64_t)p * depth;
        const int8_t *u = weight + (int64_t)q * depth, *v = weight + (int64_t)r * depth;
        __m256i a = tk_load_avx2(bias + o), b = tk_load_avx2(bias + p);
        __m256i c = tk_load_avx2(bias + q), d = tk_load_avx2(bias + r);
        __m256i e = _mm256_setzero_si256(), f = e, g = e, h = e;
        for (int32_t k = 0; k < depth; k += 8, s += 64, t += 64, u += 64, v += 64) {
            a = tk_dot_vnni(a, x + k, tk_load_avx2(s), avx512);
            b = tk_dot_vnni(b, x + k, tk_load_avx2(t), avx512);
            c = tk_dot_vnni(c, x + k, tk_load_avx2(u), avx512);
            d = tk_dot_vnni(d, x + k, tk_load_avx2(v), avx512);
            e = tk_dot_vnni(e, x + k + 4, tk_load_avx2(s + 32), avx512);
            f = tk_dot_vnni(f, x + k + 4, tk_load_avx2(t + 32), avx512);
            g = tk_dot_vnni(g, x + k + 4, tk_load_avx2(u + 32), avx512);
            h = tk_dot_vnni(h, x + k + 4, tk_load_avx2(v + 32), avx512);
        }
        const __m256i sums[4] = {_mm256_add_epi32(a, e), _mm256_add_epi32(b, f), _mm256_add_epi32(c, g),
                                 _mm256_add_epi32(d, h)};
        for (int32_t i = 0; i < 4 && o + 8 * i < channels; ++i) {
            const tk_requant_avx2 scale = tk_load_requant_avx2(m->requant, o + 8 * i);
            tk_requantize_avx2(sums[i], &scale, output + o + 8 * i, channels - o - 8 * i);
        }
    }
}

TK_AVX2_INLINE void tk_matrix_s8_vnni(const tk_matrix_s8 *m, const int8_t *const *column, int16_t *wide,
                                      int32_t columns, int8_t *output, const int avx512) {
    const int32_t depth = m->depth;
    const int32_t *const bias = m->bias + ((m->channels + 7) & ~7);
    const __m128i top = _mm_set1_epi8(INT8_MIN);
    for (int32_t i = 0; i < columns; ++i) {
        int8_t *const to = tk_matrix_column(wide, i, depth);
        int32_t k = 0;
        for (; k + 16 <= depth; k += 16) {
            const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(column[i] + k));
            _mm_storeu_si128((__m128i *)(void *)(to + k), _mm_xor_si128(x, top));
        }
        if (k < depth) {
            const __m128i x = tk_load8_avx2(column[i] + k);
            _mm_storel_epi64((__m128i *)(void *)(to + k), _mm_xor_si128(x, top));
        }
    }
    const uint8_t *const x = (const uint8_t *)tk_matrix_column(wide, 0, depth);
    if (columns == TK_MATRIX_COLUMNS) {
        tk_four_columns_vnni(m, x, bias, output, avx512);
        return;
    }
    for (int32_t i = 0; i < columns; ++i) {
        tk_one_column_vnni(m, x + 2 * i * depth, bias, output + i * m->channels, avx512);
    }
}

TK_AVX2_FUNCTION void tk_matrix_s8_avx_vnni(const tk_matrix_s8 *m, const int8_t *const *column, int16_t *wide,
                                            int32_t columns, int8_t *output) {
    tk_matrix_s8_vnni(m, column, wide, columns, output, 0);
}

TK_AVX2_FUNCTION void tk_matrix_s8_avx512_vnni(const tk_matrix_s8 *m, const int8_t *const *column,
                                               int16_t *wide, int32_t columns, int8_t *output) {
    tk_matrix_s8_vnni(m, column, wide, columns, output, 1);
}
#endif

#endif
