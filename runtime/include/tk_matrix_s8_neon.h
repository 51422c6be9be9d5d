/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MATRIX_S8_NEON_H
#define TK_MATRIX_S8_NEON_H

#include "tk_matrix_s8.h"
#include "tk_neon.h"

#ifdef TK_HAS_NEON
#ifdef __ARM_FEATURE_DOTPROD
/* Channels 0..3 and 4..7 of a block. */
typedef struct {
    int32x4_t sum[2];
} tk_sums_neon;

/* Add eight columns of a block: w points to their 64 weights. */
TK_INLINE void tk_multiply_add_neon(tk_sums_neon *s, const int8x16_t *w, const int8_t *x) {
    const int8x8_t eight = vld1_s8(x);
    s->sum[0] = vdotq_lane_s32(vdotq_lane_s32(s->sum[0], w[0], eight, 0), w[2], eight, 1);
    s->sum[1] = vdotq_lane_s32(vdotq_lane_s32(s->sum[1], w[1], eight, 0), w[3], eight, 1);
}

TK_INLINE void tk_channels_neon(const tk_sums_neon *s, const int32_t *bias, int32x4_t *low, int32x4_t *high) {
    *low = vaddq_s32(s->sum[0], vld1q_s32(bias));
    *high = vaddq_s32(s->sum[1], vld1q_s32(bias + 4));
}
#define TK_NO_SUMS_NEON                    \
    {                                      \
        { vdupq_n_s32(0), vdupq_n_s32(0) } \
    }
#else
/* Two channels of a block each, two partial sums per channel. */
typedef struct {
    int32x4_t sum[4];
} tk_sums_neon;

/* Add eight columns of a block. Two products of int8 fit in 16 bits, because a weight is never -128. */
TK_INLINE void tk_multiply_add_neon(tk_sums_neon *s, const int8x16_t *w, const int8_t *x) {
    const int32x2_t eight = vreinterpret_s32_s8(vld1_s8(x));
    const int8x16_t a = vreinterpretq_s8_s32(vdupq_lane_s32(eight, 0));
    const int8x16_t b = vreinterpretq_s8_s32(vdupq_lane_s32(eight, 1));
    const int16x8_t p0 =
        vmlal_s8(vmull_s8(vget_low_s8(w[0]), vget_low_s8(a)), vget_low_s8(w[2]), vget_low_s8(b));
    const int16x8_t p1 = vmlal_high_s8(vmull_high_s8(w[0], a), w[2], b);
    const int16x8_t p2 =
        vmlal_s8(vmull_s8(vget_low_s8(w[1]), vget_low_s8(a)), vget_low_s8(w[3]), vget_low_s8(b));
    const int16x8_t p3 = vmlal_high_s8(vmull_high_s8(w[1], a), w[3], b);
    s->sum[0] = vpadalq_s16(s->sum[0], p0);
    s->sum[1] = vpadalq_s16(s->sum[1], p1);
    s->sum[2] = vpadalq_s16(s->sum[2], p2);
    s->sum[3] = vpadalq_s16(s->sum[3], p3);
}

TK_INLINE void tk_channels_neon(const tk_sums_neon *s, const int32_t *bias, int32x4_t *low, int32x4_t *high) {
    *low = vaddq_s32(vpaddq_s32(s->sum[0], s->sum[1]), vld1q_s32(bias));
    *high = vaddq_s32(vpaddq_s32(s->sum[2], s->sum[3]), vld1q_s32(bias + 4));
}
#define TK_NO_SUMS_NEON                                                    \
    {                                                                      \
        { vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0) } \
    }
#endif

TK_INLINE void tk_finish_neon(const tk_sums_neon *s, const tk_matrix_s8 *m, const tk_requant_neon *q,
                              int8_t *output) {
    int32x4_t low, high;
    tk_channels_neon(s, m->bias + q->channel, &low, &high);
    tk_requantize_neon(low, high, q, m->requant, output + q->channel, m->channels - q->channel);
}

TK_INLINE void tk_matrix_s8_neon(const tk_matrix_s8 *m, const int8_t *const *column, int32_t columns,
                                 int8_t *output) {
    const int32_t depth = m->depth, channels = m->channels;
    const int8_t *weight = m->weight;
    for (int32_t o = 0; o < channels; o += 8) {
        const tk_requant_neon q = tk_load_requant_neon(m->requant, o);
        if (columns == TK_MATRIX_COLUMNS) {
            tk_sums_neon a = TK_NO_SUMS_NEON, b = a, c = a, d = a;
            for (int32_t k = 0; k < depth; k += 8, weight += 64) {
                const int8x16_t w[4] = {vld1q_s8(weight), vld1q_s8(weight + 16), vld1q_s8(weight + 32),
                                        vld1q_s8(weight + 48)};
                tk_multiply_add_neon(&a, w, column[0] + k);
                tk_multiply_add_neon(&b, w, column[1] + k);
                tk_multiply_add_neon(&c, w, column[2] + k);
                tk_multiply_add_neon(&d, w, column[3] + k);
            }
            tk_finish_neon(&a, m, &q, output);
            tk_finish_neon(&b, m, &q, output + channels);
            tk_finish_neon(&c, m, &q, output + 2 * channels);
            tk_finish_neon(&d, m, &q, output + 3 * channels);
            continue;
        }
        for (int32_t i = 0; i < columns; ++i) {
            tk_sums_neon a = TK_NO_SUMS_NEON;
            for (int32_t k = 0; k < depth; k += 8) {
                const int8_t *four = weight + 8 * k;
                const int8x16_t w[4] = {vld1q_s8(four), vld1q_s8(four + 16), vld1q_s8(four + 32),
                                        vld1q_s8(four + 48)};
                tk_multiply_add_neon(&a, w, column[i] + k);
            }
            tk_finish_neon(&a, m, &q, output + i * channels);
        }
        weight += 8 * depth;
    }
}
#endif

#endif
