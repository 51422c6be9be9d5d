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
    int32_t taps, chunks, channels;
    int32_t zero_point, min, max;
} tk_depthwise_mve;

#ifdef TK_HAS_MVE
typedef int8x16_t tk_s8x16;
#else
typedef struct {
    int8_t lane[16];
} tk_s8x16;
#endif

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

/* One row of output for four channels, whose planes begin at `planes`, with at most 16 taps and windows `step` bytes
 * apart. Kept within int8 alone. */
#define TK_DEPTHWISE_ROW_MVE(name, step, twice)                                                             \
    static TK_NOINLINE TK_UNUSED void tk_depthwise_row_##name##_mve(                                        \
        const int8_t *const *planes, const int8_t *weight, const uint8_t *order, const tk_depthwise_mve *d, \
        int8_t *output, int32_t pixels) {                                                                   \
        const int8_t *place[4] = {planes[0], planes[1], planes[2], planes[3]};                              \
        const int32_t zero_point = d->zero_point, channels = d->channels;                                   \
        tk_s8x16 w[4];                                                                                      \
        for (int32_t i = 0; i < 4; ++i, weight += d->taps) w[i] = tk_turned_mve(weight, order, 0, d->taps); \
        const tk_scales_mve scales = tk_load_scales_mve(weight);                                            \
        for (; pixels > 0; --pixels, output += channels) {                                                  \
            tk_s32x4 y;                                                                                     \
            TK_FOUR_RUNS_MVE(y, place, w, step);                                                            \
            y = tk_requantize_mve(y, &scales, twice);                                                       \
            tk_v_store_saturated_s8(output, tk_v_add_n(y, zero_point));                                     \
        }                                                                                                   \
    }
TK_DEPTHWISE_ROW_MVE(once_3, 3, 0)
TK_DEPTHWISE_ROW_MVE(once_6, 6, 0)
TK_DEPTHWISE_ROW_MVE(twice_3, 3, 1)
TK_DEPTHWISE_ROW_MVE(twice_6, 6, 1)
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
        y = twice ? tk_requantize_mve(y, &scales, 1) : tk_requantize_mve(y, &scales, 0);
        tk_v_store_saturated_s8(output, tk_v_add_n(y, d->zero_point));
    }
}

#endif
