/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_NEON_H
#define TK_NEON_H

#include "tk_simd.h"

#ifdef TK_HAS_NEON
#include <arm_neon.h>

/* How eight neighbouring channels are requantized: by the high part of a 64-bit product, then a 32-bit shift. */
typedef struct {
    int32x4_t multiplier[2], minus_shift[2];
    int32_t channel;
    int one_by_one; /* a multiplier too large for that: as tk_requantize_s8 */
} tk_requant_neon;

TK_INLINE tk_requant_neon tk_load_requant_neon(const tk_requant_s8 *r, int32_t channel) {
    const int16x8_t shift = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(r->shift + channel)));
    const int16x8_t minus = vsubq_s16(vdupq_n_s16(r->double_rounding ? 31 : 32), shift);
    tk_requant_neon q;
    q.channel = channel;
    q.one_by_one = vmaxvq_s16(minus) > (r->double_rounding ? 0 : -1);
    q.multiplier[0] = vld1q_s32(r->multiplier + channel);
    q.multiplier[1] = vld1q_s32(r->multiplier + channel + 4);
    q.minus_shift[0] = vmovl_s16(vget_low_s16(minus));
    q.minus_shift[1] = vmovl_high_s16(minus);
    return q;
}

/* Four channels; `half` says which of the eight. */
TK_INLINE int32x4_t tk_scale_neon(int32x4_t acc, const tk_requant_neon *q, int half, int double_rounding) {
    const int32x4_t multiplier = q->multiplier[half], minus = q->minus_shift[half];
    if (double_rounding) { /* the high part half up, the rest half away from zero */
        const int32x4_t high = vqrdmulhq_s32(acc, multiplier);
        return vrshlq_s32(vaddq_s32(high, vshrq_n_s32(vandq_s32(high, minus), 31)), minus);
    }
    const int32x4_t low = vreinterpretq_s32_s64(vmull_s32(vget_low_s32(acc), vget_low_s32(multiplier)));
    const int32x4_t high = vreinterpretq_s32_s64(vmull_high_s32(acc, multiplier));
    return vrshlq_s32(vuzp2q_s32(low, high), minus);
}

/* Requantize eight channels and store the first `count`. */
TK_INLINE void tk_requantize_neon(int32x4_t low, int32x4_t high, const tk_requant_neon *q,
                                  const tk_requant_s8 *r, int8_t *output, int32_t count) {
    if (q->one_by_one) {
        int32_t acc[8];
        vst1q_s32(acc, low);
        vst1q_s32(acc + 4, high);
        for (int32_t i = 0; i < tk_min(count, 8); ++i) {
            output[i] = tk_requantize_s8(acc[i], q->channel + i, r);
        }
        return;
    }
    const int32x4_t zero_point = vdupq_n_s32(r->zero_point);
    const int16x8_t lanes =
        vcombine_s16(vqmovn_s32(vaddq_s32(tk_scale_neon(low, q, 0, r->double_rounding), zero_point)),
                     vqmovn_s32(vaddq_s32(tk_scale_neon(high, q, 1, r->double_rounding), zero_point)));
    int8x8_t bytes = vqmovn_s16(lanes);
    if (r->min > INT8_MIN) bytes = vmax_s8(bytes, vdup_n_s8((int8_t)r->min));
    if (r->max < INT8_MAX) bytes = vmin_s8(bytes, vdup_n_s8((int8_t)r->max));
    if (count >= 8) {
        vst1_s8(output, bytes);
        return;
    }
    int8_t all[8];
    vst1_s8(all, bytes);
    for (int32_t i = 0; i < count; ++i) output[i] = all[i];
}
#endif

#endif
