/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_ROW_MVE_H
#define TK_DEPTHWISE_ROW_MVE_H

#include "tk_requantize_mve.h"

/* A depthwise layer: per four channels their weights, kernel_w * kernel_h each, then the constants of
 * tk_requantize_mve.h. Where the number of channels is no multiple of four, the last four overlap those before. For
 * each slot that the top row of a window can lie in, `order` says where the weight of each byte of the window is. */
typedef struct {
    const int8_t *weight;
    const uint8_t *order;
    int32_t taps, chunks, channels, scale_bytes;
    int32_t zero_point, min, max;
} tk_depthwise_mve;

/* 16 weights of one channel from the `first` on, turned by `order`; those from `taps` on are 0. */
TK_INLINE tk_s8x16 tk_turned_mve(const int8_t *weight, const uint8_t *order, int32_t first, int32_t taps) {
#ifdef TK_HAS_MVE
    return vldrbq_gather_offset_z_s8(weight, vldrbq_u8(order + first), vctp8q((uint32_t)(taps - first)));
#else
    tk_s8x16 turned;
    for (int32_t i = 0; i < 16; ++i) turned.lane[i] = 0;
    for (int32_t i = 0; i < tk_min(16, taps - first); ++i) turned.lane[i] = weight[order[first + i]];
    return turned;
#endif
}

/* `sum`: the products of 16 bytes in four places with four runs of weights. Each place moves on by `step`, a literal. */
#ifdef TK_HAS_MVE
#define TK_FOUR_RUNS_MVE(sum, place, w, step)                                                               \
    __asm volatile("vldrb.u8 %q[s], [%[p0]], %[by]\n"                                                       \
                   "vmladav.s8 r0, %q[s], %q[w0]\n"                                                         \
                   "vldrb.u8 %q[s], [%[p1]], %[by]\n"                                                       \
                   "vmladav.s8 r2, %q[s], %q[w1]\n"                                                         \
                   "vldrb.u8 %q[s], [%[p2]], %[by]\n"                                                       \
                   "vmladav.s8 r4, %q[s], %q[w2]\n"                                                         \
                   "vldrb.u8 %q[s], [%[p3]], %[by]\n"                                                       \
                   "vmladav.s8 r6, %q[s], %q[w3]\n"                                                         \
                   "vmov %q[s][2], %q[s][0], r0, r4\n"                                                      \
                   "vmov %q[s][3], %q[s][1], r2, r6\n"                                                      \
                   : [s] "=&w"(sum), [p0] "+r"((place)[0]), [p1] "+r"((place)[1]), [p2] "+r"((place)[2]),   \
                     [p3] "+r"((place)[3])                                                                  \
                   : [w0] "w"((w)[0]), [w1] "w"((w)[1]), [w2] "w"((w)[2]), [w3] "w"((w)[3]), [by] "i"(step) \
                   : "r0", "r2", "r4", "r6", "memory")
#else
#define TK_FOUR_RUNS_MVE(sum, place, w, step)                                   \
    do {                                                                        \
        for (int32_t tk_i = 0; tk_i < 4; (place)[tk_i++] += (step)) {           \
            (sum).lane[tk_i] = 0;                                               \
            for (int32_t tk_k = 0; tk_k < 16; ++tk_k) {                         \
                (sum).lane[tk_i] += (place)[tk_i][tk_k] * (w)[tk_i].lane[tk_k]; \
            }                                                                   \
        }                                                                       \
    } while (0)
#endif

/* A row of `pixels` windows of at most 16 taps; outputs `stride` bytes apart. The asm below knows the order. */
typedef struct {
    const uint8_t *order;
    int32_t taps, pitch, pixels, zero_point, stride;
} tk_depthwise_row;

/* One row of output for four channels from the plane `planes` on, windows `apart` bytes apart (a literal), kept within
 * int8 alone. All in asm, because compilers run out of vector registers here: weights are in q1 to q4, constants in q5
 * to q7. Rounding TWICE takes 1 off negative values; no compiler knows that asm changes the predicate, so nothing in
 * the same function may rely on it. */
#ifdef TK_HAS_MVE
#define TK_ONE_RUN_MVE(place, w, sum)      \
    "vldrb.u8 q0, [%[" place "]], %[by]\n" \
    "vmladav.s8 " sum ", q0, " w "\n"
#define TK_HIGH_ONCE_MVE "vqdmulh.s32 q0, q0, q6\n"
#define TK_HIGH_TWICE_MVE       \
    "vqrdmulh.s32 q0, q0, q6\n" \
    "movs r0, #1\n"             \
    "vpt.s32 lt, q0, zr\n"      \
    "vsubt.i32 q0, q0, r0\n"
/* clang-format off */
#define TK_DEPTHWISE_GROUP_MVE(rounding, apart, planes, row, weight, output)                           \
    do {                                                                                               \
        const int8_t *tk_p0 = (planes), *tk_p1, *tk_p2, *tk_p3, *tk_next = (weight);                   \
        const tk_depthwise_row *tk_zero = (row);                                                       \
        int8_t *tk_to = (output);                                                                      \
        __asm volatile("ldrd r0, r2, [%[zero]]\n" /* order, taps */                                    \
                       "vldrb.u8 q0, [r0]\n"                                                          \
                       "vctp.8 r2\n"                                                                  \
                       "add r4, %[next], r2\n"                                                        \
                       "add r6, r4, r2\n"                                                             \
                       "add %[p1], r6, r2\n"                                                          \
                       "add r0, %[p1], r2\n"                                                          \
                       "vpstttt\n"                                                                    \
                       "vldrbt.u8 q1, [%[next], q0]\n"                                                \
                       "vldrbt.u8 q2, [r4, q0]\n"                                                     \
                       "vldrbt.u8 q3, [r6, q0]\n"                                                     \
                       "vldrbt.u8 q4, [%[p1], q0]\n"                                                  \
                       "vldrw.u32 q5, [r0]\n"                                                         \
                       "vldrw.u32 q6, [r0, #16]\n"                                                    \
                       "vldrb.s32 q7, [r0, #32]\n"                                                    \
                       "ldrd r0, r2, [%[zero], #8]\n" /* pitch, pixels */                              \
                       "add %[p1], %[p0], r0\n"                                                       \
                       "add %[p2], %[p1], r0\n"                                                       \
                       "add %[p3], %[p2], r0\n"                                                       \
                       "ldrd %[zero], %[next], [%[zero], #16]\n" /* zero_point, stride */              \
                       "dls lr, r2\n"                                                                 \
                       "1:\n"                                                                         \
                       TK_ONE_RUN_MVE("p0", "q1", "r0")                                                \
                       TK_ONE_RUN_MVE("p1", "q2", "r2")                                                \
                       TK_ONE_RUN_MVE("p2", "q3", "r4")                                                \
                       TK_ONE_RUN_MVE("p3", "q4", "r6")                                                \
                       "vmov q0[2], q0[0], r0, r4\n"                                                  \
                       "vmov q0[3], q0[1], r2, r6\n"                                                  \
                       "vadd.i32 q0, q0, q5\n"                                                        \
                       TK_HIGH_##rounding##_MVE                                                        \
                       "vrshl.s32 q0, q0, q7\n"                                                       \
                       "vadd.i32 q0, q0, %[zero]\n"                                                   \
                       "vqmovnb.s32 q0, q0\n"                                                         \
                       "vqmovnb.s16 q0, q0\n"                                                         \
                       "vstrb.32 q0, [%[to]]\n"                                                       \
                       "add %[to], %[to], %[next]\n"                                                  \
                       "le lr, 1b\n"                                                                  \
                       : [p0] "+r"(tk_p0), [p1] "=&r"(tk_p1), [p2] "=&r"(tk_p2), [p3] "=&r"(tk_p3),    \
                         [to] "+l"(tk_to), [zero] "+r"(tk_zero), [next] "+r"(tk_next)                  \
                       : [by] "i"(apart)                                                               \
                       : "r0", "r2", "r4", "r6", "lr", "cc", "memory",                                 \
                         "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7");                              \
    } while (0)
/* clang-format on */
#else
#define TK_ROUND_ONCE_MVE 0
#define TK_ROUND_TWICE_MVE 1
#define TK_DEPTHWISE_GROUP_MVE(rounding, apart, planes, row, weight, output) \
    tk_depthwise_group_mve(TK_ROUND_##rounding##_MVE, apart, planes, row, weight, output)
TK_INLINE void tk_depthwise_group_mve(int twice, int32_t apart, const int8_t *planes,
                                      const tk_depthwise_row *row, const int8_t *weight, int8_t *output) {
    const tk_scales_mve scales = tk_load_scales_mve(weight + 4 * row->taps);
    const int8_t *place[4];
    tk_s8x16 w[4];
    for (int32_t i = 0; i < 4; ++i) {
        place[i] = planes + i * row->pitch;
        w[i] = tk_turned_mve(weight + i * row->taps, row->order, 0, row->taps);
    }
    for (int32_t x = 0; x < row->pixels; ++x, output += row->stride) {
        tk_s32x4 y;
        TK_FOUR_RUNS_MVE(y, place, w, apart);
        y = tk_requantize_mve(y, &scales, twice);
        tk_v_store_saturated_s8(output, tk_v_add_n(y, row->zero_point));
    }
}
#endif

typedef void tk_depthwise_function_mve(const int8_t *planes, const tk_depthwise_row *row,
                                       const int8_t *weight, int32_t groups, int8_t *output);

/* The same for `groups` times four channels. One copy serves all layers of a kind. */
#define TK_DEPTHWISE_ROW_MVE(name, rounding, apart)                                              \
    static TK_NOINLINE TK_UNUSED void tk_depthwise_row_##name##_mve(                             \
        const int8_t *planes, const tk_depthwise_row *row, const int8_t *weight, int32_t groups, \
        int8_t *output) {                                                                        \
        const int32_t pitch = 4 * row->pitch, bytes = 4 * row->taps + 36;                        \
        for (; groups > 0; --groups, output += 4, planes += pitch, weight += bytes) {            \
            TK_DEPTHWISE_GROUP_MVE(rounding, apart, planes, row, weight, output);                \
        }                                                                                        \
    }
TK_DEPTHWISE_ROW_MVE(once_3, ONCE, 3)
TK_DEPTHWISE_ROW_MVE(once_6, ONCE, 6)
TK_DEPTHWISE_ROW_MVE(twice_3, TWICE, 3)
TK_DEPTHWISE_ROW_MVE(twice_6, TWICE, 6)
#undef TK_DEPTHWISE_ROW_MVE

/* The same for any number of taps and any step. `turned` has room for 64 bytes for every 16 taps. */
static TK_NOINLINE TK_UNUSED void tk_depthwise_row_mve(const int8_t *const *planes, const int8_t *weight,
                                                       const uint8_t *order, const tk_depthwise_mve *d,
                                                       int32_t twice, int32_t step, int8_t *turned,
                                                       int8_t *output, int32_t pixels) {
    tk_s8x16 *to = (tk_s8x16 *)(void *)turned;
    for (int32_t k = 0; k < d->chunks; ++k) {
        for (int32_t i = 0; i < 4; ++i) *to++ = tk_turned_mve(weight + i * d->taps, order, 16 * k, d->taps);
    }
    const tk_scales_mve scales = tk_load_scales_mve(weight + 4 * d->taps);
    const int large = d->scale_bytes == TK_LARGE_SCALES_MVE;
    for (int32_t x = 0; x < pixels; ++x, output += d->channels) {
        const int8_t *place[4] = {planes[0] + x * step, planes[1] + x * step, planes[2] + x * step,
                                  planes[3] + x * step};
        const tk_s8x16 *w = (const tk_s8x16 *)(const void *)turned;
        tk_s32x4 y = tk_v_same(0);
        for (int32_t k = 0; k < d->chunks; ++k, w += 4) {
            tk_s32x4 sum;
            TK_FOUR_RUNS_MVE(sum, place, w, 16);
            y = tk_v_add(y, sum);
        }
        if (large) {
            y = tk_requantize_large_mve(y, weight + 4 * d->taps, twice);
        } else {
            y = twice ? tk_requantize_mve(y, &scales, 1) : tk_requantize_mve(y, &scales, 0);
        }
        tk_v_store_saturated_s8(output, tk_v_add_n(y, d->zero_point));
    }
}

#endif
