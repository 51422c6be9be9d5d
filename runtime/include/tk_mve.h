/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MVE_H
#define TK_MVE_H

#include "tk.h"

/* The Helium (MVE) instructions that the _mve kernels are made of, and the same in C for every other machine, so that
 * those kernels run (and are tested) anywhere. Four 32-bit lanes unless the name says otherwise. */

#if defined(__ARM_FEATURE_MVE) && \
    defined(__OPTIMIZE__) /* unoptimized, GCC has too few registers for the asm */
#define TK_HAS_MVE        /* Armv8.1-M with vectors */
#include <arm_mve.h>

typedef int32x4_t tk_s32x4;
typedef int8x16_t tk_s8x16;

TK_INLINE tk_s32x4 tk_v_load(const int32_t *from) { return vldrwq_s32(from); }
TK_INLINE tk_s32x4 tk_v_load_s8(const int8_t *from) { return vldrbq_s32(from); }
/* The first `count` lanes; the others are 0. */
TK_INLINE tk_s32x4 tk_v_load_some_s8(const int8_t *from, int32_t count) {
    return vldrbq_z_s32(from, vctp32q((uint32_t)count));
}
TK_INLINE void tk_v_store(int32_t *to, tk_s32x4 a) { vstrwq_s32(to, a); }
TK_INLINE tk_s32x4 tk_v_same(int32_t x) { return vdupq_n_s32(x); }
TK_INLINE tk_s32x4 tk_v_add(tk_s32x4 a, tk_s32x4 b) { return vaddq_s32(a, b); }
TK_INLINE tk_s32x4 tk_v_add_n(tk_s32x4 a, int32_t b) { return vaddq_n_s32(a, b); }
TK_INLINE tk_s32x4 tk_v_mul_n(tk_s32x4 a, int32_t b) { return vmulq_n_s32(a, b); }
/* acc + a * b */
TK_INLINE tk_s32x4 tk_v_mla_n(tk_s32x4 acc, tk_s32x4 a, int32_t b) { return vmlaq_n_s32(acc, a, b); }
TK_INLINE tk_s32x4 tk_v_max(tk_s32x4 a, tk_s32x4 b) { return vmaxq_s32(a, b); }
TK_INLINE tk_s32x4 tk_v_min(tk_s32x4 a, tk_s32x4 b) { return vminq_s32(a, b); }
/* a * b / 2^31, rounded down. */
TK_INLINE tk_s32x4 tk_v_high(tk_s32x4 a, tk_s32x4 b) { return vqdmulhq_s32(a, b); }
/* a * b / 2^31, rounded half up: tk_multiply_high. */
TK_INLINE tk_s32x4 tk_v_high_rounded(tk_s32x4 a, tk_s32x4 b) { return vqrdmulhq_s32(a, b); }
/* a * 2^by, rounded down where `by` is negative. */
TK_INLINE tk_s32x4 tk_v_shift_n(tk_s32x4 a, int32_t by) { return vshlq_r_s32(a, by); }
/* a * 2^b, b in 0 .. 31, kept within int32_t. */
TK_INLINE tk_s32x4 tk_v_shift_saturated(tk_s32x4 a, tk_s32x4 b) { return vqshlq_s32(a, b); }
TK_INLINE tk_s32x4 tk_v_and(tk_s32x4 a, tk_s32x4 b) { return vandq_s32(a, b); }
/* a * 2^b, rounded half up where b is negative. */
TK_INLINE tk_s32x4 tk_v_shift_rounded(tk_s32x4 a, tk_s32x4 b) { return vrshlq_s32(a, b); }
/* -1 where negative, else 0. */
TK_INLINE tk_s32x4 tk_v_sign(tk_s32x4 a) { return vshrq_n_s32(a, 31); }
/* The low byte of each lane to consecutive bytes. */
TK_INLINE void tk_v_store_s8(int8_t *to, tk_s32x4 a) { vstrbq_s32(to, a); }
/* Each lane, kept within int8, to consecutive bytes. */
TK_INLINE void tk_v_store_saturated_s8(int8_t *to, tk_s32x4 a) {
    const int16x8_t halves = vqmovnbq_s32(vreinterpretq_s16_s32(a), a);
    const int8x16_t bytes = vqmovnbq_s16(vreinterpretq_s8_s16(halves), halves);
    vstrbq_s32(to, vreinterpretq_s32_s8(bytes));
}
/* The low byte of each of the first `count` lanes. */
TK_INLINE void tk_v_store_some_s8(int8_t *to, tk_s32x4 a, int32_t count) {
    vstrbq_p_s32(to, a, vctp32q((uint32_t)count));
}
/* 16 bytes. */
TK_INLINE tk_s8x16 tk_b_same(int32_t x) { return vdupq_n_s8((int8_t)x); }
TK_INLINE tk_s8x16 tk_b_max(tk_s8x16 a, tk_s8x16 b) { return vmaxq_s8(a, b); }
TK_INLINE tk_s8x16 tk_b_load_some(const int8_t *from, int32_t count) {
    return vldrbq_z_s8(from, vctp8q((uint32_t)count));
}
TK_INLINE void tk_b_store_some(int8_t *to, tk_s8x16 a, int32_t count) {
    vstrbq_p_s8(to, a, vctp8q((uint32_t)count));
}
#else
typedef struct {
    int32_t lane[4];
} tk_s32x4;
typedef struct {
    int8_t lane[16];
} tk_s8x16;

#define TK_LANES(value)                                           \
    do {                                                          \
        for (int32_t i = 0; i < 4; ++i) result.lane[i] = (value); \
    } while (0)
#define TK_LANES_OF(value) \
    tk_s32x4 result;       \
    TK_LANES(value);       \
    return result

TK_INLINE int32_t tk_wrapped(uint32_t x) { return (int32_t)x; }
TK_INLINE tk_s32x4 tk_v_load(const int32_t *from) { TK_LANES_OF(from[i]); }
TK_INLINE tk_s32x4 tk_v_load_s8(const int8_t *from) { TK_LANES_OF(from[i]); }
TK_INLINE tk_s32x4 tk_v_load_some_s8(const int8_t *from, int32_t count) {
    TK_LANES_OF(i < count ? from[i] : 0);
}
TK_INLINE void tk_v_store(int32_t *to, tk_s32x4 a) {
    for (int32_t i = 0; i < 4; ++i) to[i] = a.lane[i];
}
TK_INLINE tk_s32x4 tk_v_same(int32_t x) { TK_LANES_OF(x); }
TK_INLINE tk_s32x4 tk_v_add(tk_s32x4 a, tk_s32x4 b) {
    TK_LANES_OF(tk_wrapped((uint32_t)a.lane[i] + (uint32_t)b.lane[i]));
}
TK_INLINE tk_s32x4 tk_v_add_n(tk_s32x4 a, int32_t b) { return tk_v_add(a, tk_v_same(b)); }
TK_INLINE tk_s32x4 tk_v_mul_n(tk_s32x4 a, int32_t b) {
    TK_LANES_OF(tk_wrapped((uint32_t)a.lane[i] * (uint32_t)b));
}
TK_INLINE tk_s32x4 tk_v_mla_n(tk_s32x4 acc, tk_s32x4 a, int32_t b) { return tk_v_add(acc, tk_v_mul_n(a, b)); }
TK_INLINE tk_s32x4 tk_v_max(tk_s32x4 a, tk_s32x4 b) { TK_LANES_OF(tk_max(a.lane[i], b.lane[i])); }
TK_INLINE tk_s32x4 tk_v_min(tk_s32x4 a, tk_s32x4 b) { TK_LANES_OF(tk_min(a.lane[i], b.lane[i])); }
/* Neither is for a = b = INT32_MIN, where the instruction saturates. */
TK_INLINE tk_s32x4 tk_v_high(tk_s32x4 a, tk_s32x4 b) {
    TK_LANES_OF((int32_t)(((int64_t)a.lane[i] * b.lane[i]) >> 31));
}
TK_INLINE tk_s32x4 tk_v_high_rounded(tk_s32x4 a, tk_s32x4 b) {
    TK_LANES_OF((int32_t)(((int64_t)a.lane[i] * b.lane[i] + ((int64_t)1 << 30)) >> 31));
}
TK_INLINE int32_t tk_shifted(int32_t a, int32_t by) {
    return by >= 0 ? tk_wrapped((uint32_t)a << by) : a >> -by;
}
TK_INLINE tk_s32x4 tk_v_shift_n(tk_s32x4 a, int32_t by) { TK_LANES_OF(tk_shifted(a.lane[i], by)); }
TK_INLINE int32_t tk_shift_saturated(int32_t a, int32_t by) {
    const int64_t wide = (int64_t)a * ((int64_t)1 << by);
    return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
}
TK_INLINE tk_s32x4 tk_v_shift_saturated(tk_s32x4 a, tk_s32x4 b) {
    TK_LANES_OF(tk_shift_saturated(a.lane[i], b.lane[i]));
}
TK_INLINE tk_s32x4 tk_v_and(tk_s32x4 a, tk_s32x4 b) {
    TK_LANES_OF(tk_wrapped((uint32_t)a.lane[i] & (uint32_t)b.lane[i]));
}
TK_INLINE int32_t tk_shift_rounded(int32_t a, int32_t by) {
    if (by >= 0) return tk_wrapped((uint32_t)a << by);
    return (int32_t)((a + ((int64_t)1 << (-by - 1))) >> -by);
}
TK_INLINE tk_s32x4 tk_v_shift_rounded(tk_s32x4 a, tk_s32x4 b) {
    TK_LANES_OF(tk_shift_rounded(a.lane[i], b.lane[i]));
}
TK_INLINE tk_s32x4 tk_v_sign(tk_s32x4 a) { TK_LANES_OF(a.lane[i] < 0 ? -1 : 0); }
TK_INLINE void tk_v_store_some_s8(int8_t *to, tk_s32x4 a, int32_t count) {
    for (int32_t i = 0; i < tk_min(count, 4); ++i) to[i] = (int8_t)(a.lane[i] & 0xFF);
}
TK_INLINE void tk_v_store_s8(int8_t *to, tk_s32x4 a) { tk_v_store_some_s8(to, a, 4); }
TK_INLINE void tk_v_store_saturated_s8(int8_t *to, tk_s32x4 a) {
    tk_v_store_s8(to, tk_v_min(tk_v_max(a, tk_v_same(INT8_MIN)), tk_v_same(INT8_MAX)));
}
TK_INLINE tk_s8x16 tk_b_load_some(const int8_t *from, int32_t count) {
    tk_s8x16 result;
    for (int32_t i = 0; i < 16; ++i) result.lane[i] = i < count ? from[i] : 0;
    return result;
}
TK_INLINE tk_s8x16 tk_b_same(int32_t x) {
    tk_s8x16 result;
    for (int32_t i = 0; i < 16; ++i) result.lane[i] = (int8_t)x;
    return result;
}
TK_INLINE tk_s8x16 tk_b_max(tk_s8x16 a, tk_s8x16 b) {
    for (int32_t i = 0; i < 16; ++i) a.lane[i] = (int8_t)tk_max(a.lane[i], b.lane[i]);
    return a;
}
TK_INLINE void tk_b_store_some(int8_t *to, tk_s8x16 a, int32_t count) {
    for (int32_t i = 0; i < tk_min(count, 16); ++i) to[i] = a.lane[i];
}
#endif

/* Copy `count` bytes; the last load and store are of what is left. */
TK_INLINE void tk_copy_mve(int8_t *to, const int8_t *from, int32_t count) {
#ifdef TK_HAS_MVE
    __asm volatile("wlstp.8 lr, %[count], 2f\n"
                   "1: vldrb.u8 q0, [%[from]], #16\n"
                   "vstrb.8 q0, [%[to]], #16\n"
                   "letp lr, 1b\n"
                   "2:\n"
                   : [to] "+r"(to), [from] "+r"(from)
                   : [count] "r"(count)
                   : "q0", "lr", "memory");
#else
    for (int32_t i = 0; i < count; ++i) to[i] = from[i];
#endif
}

/* Write `count` bytes of `value`. */
TK_INLINE void tk_set_mve(int8_t *to, int32_t value, int32_t count) {
#ifdef TK_HAS_MVE
    __asm volatile("vdup.8 q0, %[value]\n"
                   "wlstp.8 lr, %[count], 2f\n"
                   "1: vstrb.8 q0, [%[to]], #16\n"
                   "letp lr, 1b\n"
                   "2:\n"
                   : [to] "+r"(to)
                   : [count] "r"(count), [value] "r"(value)
                   : "q0", "lr", "memory");
#else
    for (int32_t i = 0; i < count; ++i) to[i] = (int8_t)value;
#endif
}

/* Keep `count` bytes within bounds. */
TK_INLINE void tk_bound_mve(int8_t *bytes, int32_t min, int32_t max, int32_t count) {
#ifdef TK_HAS_MVE
    __asm volatile("vdup.8 q1, %[min]\n"
                   "vdup.8 q2, %[max]\n"
                   "wlstp.8 lr, %[count], 2f\n"
                   "1: vldrb.u8 q0, [%[bytes]]\n"
                   "vmax.s8 q0, q0, q1\n"
                   "vmin.s8 q0, q0, q2\n"
                   "vstrb.8 q0, [%[bytes]], #16\n"
                   "letp lr, 1b\n"
                   "2:\n"
                   : [bytes] "+r"(bytes)
                   : [count] "r"(count), [min] "r"(min), [max] "r"(max)
                   : "q0", "q1", "q2", "lr", "memory");
#else
    for (int32_t i = 0; i < count; ++i) bytes[i] = (int8_t)tk_clamp(bytes[i], min, max);
#endif
}

#endif
