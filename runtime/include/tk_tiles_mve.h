/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TILES_MVE_H
#define TK_TILES_MVE_H

#include "tk_dot_mve.h"

/* Tiles of four output channels in asm, sums to outputs: eight sums, three pointers and a count leave a compiler no
 * registers for what comes between the tiles. Constants as tk_requantize_mve.h has them, bounds those of int8. */

/* How a matrix is computed, as a sum of these. */
enum { TK_TERNARY_MVE = 1, TK_TWICE_MVE = 2, TK_RAGGED_MVE = 4, TK_LARGE_MVE = 8, TK_INT4_MVE = 16 };

#ifdef TK_HAS_MVE
/* clang-format off */
#define TK_BEFORE_S8_X1_MVE ""
#define TK_BEFORE_S4_X1_MVE "vshr.s32 q0, q0, #4\n"
#define TK_BEFORE_T2_X1_MVE "vsub.i32 q0, q0, r6\n"
#define TK_BEFORE_S8_X2_MVE ""
#define TK_BEFORE_S4_X2_MVE "vshr.s32 q0, q0, #4\nvshr.s32 q1, q1, #4\n"
#define TK_BEFORE_T2_X2_MVE "vsub.i32 q0, q0, r12\nvsub.i32 q1, q1, lr\n"
#define TK_HIGH_ONCE_X1_MVE "vqdmulh.s32 q0, q0, q2\n"
#define TK_HIGH_ONCE_X2_MVE "vqdmulh.s32 q0, q0, q2\nvqdmulh.s32 q1, q1, q2\n"
#define TK_HIGH_TWICE_X1_MVE     \
    "vqrdmulh.s32 q0, q0, q2\n"  \
    "vshr.s32 q2, q0, #31\n"     \
    "vadd.i32 q0, q0, q2\n"
#define TK_HIGH_TWICE_X2_MVE     \
    "vqrdmulh.s32 q0, q0, q2\n"  \
    "vqrdmulh.s32 q1, q1, q2\n"  \
    "vshr.s32 q2, q0, #31\n"     \
    "vadd.i32 q0, q0, q2\n"      \
    "vshr.s32 q2, q1, #31\n"     \
    "vadd.i32 q1, q1, q2\n"
#define TK_TILES_X1_MVE(KIND, ROUNDING)                                   \
    __asm volatile(TK_MASK_##KIND##_MVE                                   \
                   "0:\n"                                                 \
                   TK_CHUNKS_X1_MVE(TK_CHUNK_##KIND##_X1_MVE)             \
                   "ldrd r6, r8, [%[pair]]\n"                            \
                   TK_BEFORE_##KIND##_X1_MVE                              \
                   "vldrw.u32 q2, [%[scales]], #16\n"                     \
                   "vadd.i32 q0, q0, q2\n"                                \
                   "vldrw.u32 q2, [%[scales]], #16\n"                     \
                   TK_HIGH_##ROUNDING##_X1_MVE                            \
                   "vldrb.s32 q2, [%[scales]], #4\n"                      \
                   "vrshl.s32 q0, q0, q2\n"                               \
                   "vadd.i32 q0, q0, r8\n"                                 \
                   "vqmovnb.s32 q0, q0\n"                                 \
                   "vqmovnb.s16 q0, q0\n"                                 \
                   "vstrb.32 q0, [%[to]], #4\n"                           \
                   "sub %[x], %[x], %[chunks], lsl #4\n"                  \
                   "subs %[count], #1\n"                                  \
                   "bne 0b\n"                                             \
                   : [x] "+r"(x), [w] "+r"(weight), [scales] "+l"(scales), \
                     [to] "+l"(output), [count] "+r"(count)               \
                   : [chunks] "r"(chunks), [pair] "r"(total_and_zero)       \
                   : TK_USED_X1_MVE)

/* In the order of the registers that the asm loads them to: r0, r2, r4, r6, r8, r10, r12, lr; then chunks. */
typedef struct {
    int8_t *first, *second;
    const int8_t *scales;
    int32_t count, zero_point, bytes, first_total, second_total, chunks;
} tk_two_pixels_mve;

#define TK_TILES_X2_MVE(KIND, ROUNDING)                                   \
    __asm volatile(TK_MASK_##KIND##_MVE                                   \
                   "0:\n"                                                 \
                   "ldr %[n], [%[state], #32]\n"                          \
                   TK_CHUNKS_X2_MVE(TK_CHUNK_##KIND##_X2_MVE)             \
                   "ldm %[state], {r0, r2, r4, r6, r8, r10, r12, lr}\n"   \
                   TK_BEFORE_##KIND##_X2_MVE                              \
                   "vldrw.u32 q2, [r4], #16\n"                            \
                   "vadd.i32 q0, q0, q2\n"                                \
                   "vadd.i32 q1, q1, q2\n"                                \
                   "vldrw.u32 q2, [r4], #16\n"                            \
                   TK_HIGH_##ROUNDING##_X2_MVE                            \
                   "vldrb.s32 q2, [r4], #4\n"                             \
                   "vrshl.s32 q0, q0, q2\n"                               \
                   "vrshl.s32 q1, q1, q2\n"                               \
                   "vadd.i32 q0, q0, r8\n"                                \
                   "vadd.i32 q1, q1, r8\n"                                \
                   "vqmovnb.s32 q0, q0\n"                                 \
                   "vqmovnb.s32 q1, q1\n"                                 \
                   "vqmovnb.s16 q0, q0\n"                                 \
                   "vqmovnb.s16 q1, q1\n"                                 \
                   "vstrb.32 q0, [r0], #4\n"                              \
                   "vstrb.32 q1, [r2], #4\n"                              \
                   "sub %[x0], %[x0], r10\n"                              \
                   "sub %[x1], %[x1], r10\n"                              \
                   "subs r6, #1\n"                                        \
                   "stm %[state], {r0, r2, r4, r6}\n"                     \
                   "bne 0b\n"                                             \
                   : [x0] "+r"(x0), [x1] "+r"(x1), [w] "+r"(weight),      \
                     [n] "=&r"(n)                                         \
                   : [state] "r"(&state)                                  \
                   : TK_USED_X2_MVE)
/* clang-format on */

/* `count` tiles, at least one. */
TK_INLINE void tk_tiles_x1_mve(const int8_t *x, int32_t chunks, int32_t count, int32_t zero_point, int how,
                               const int8_t *weight, const int8_t *scales, int8_t *output) {
    /* By address: with a frame pointer, GCC has no register left for two. */
    const int32_t total_and_zero[2] = {how & TK_TERNARY_MVE ? tk_total_mve(x, chunks) : 0, zero_point};
    if (how & TK_TERNARY_MVE) {
        if (how & TK_TWICE_MVE) {
            TK_TILES_X1_MVE(T2, TWICE);
        } else {
            TK_TILES_X1_MVE(T2, ONCE);
        }
    } else if (how & TK_INT4_MVE) {
        if (how & TK_TWICE_MVE) {
            TK_TILES_X1_MVE(S4, TWICE);
        } else {
            TK_TILES_X1_MVE(S4, ONCE);
        }
    } else {
        if (how & TK_TWICE_MVE) {
            TK_TILES_X1_MVE(S8, TWICE);
        } else {
            TK_TILES_X1_MVE(S8, ONCE);
        }
    }
}

/* The same of two pixels, to outputs `channels` bytes apart. */
TK_INLINE void tk_tiles_x2_mve(const int8_t *x0, const int8_t *x1, int32_t chunks, int32_t count,
                               int32_t zero_point, int how, const int8_t *weight, const int8_t *scales,
                               int8_t *output, int32_t channels) {
    const int32_t first_total = how & TK_TERNARY_MVE ? tk_total_mve(x0, chunks) : 0;
    const int32_t second_total = how & TK_TERNARY_MVE ? tk_total_mve(x1, chunks) : 0;
    tk_two_pixels_mve state = {output,      output + channels, scales,       count, zero_point,
                               16 * chunks, first_total,       second_total, chunks};
    int32_t n;
    if (how & TK_TERNARY_MVE) {
        if (how & TK_TWICE_MVE) {
            TK_TILES_X2_MVE(T2, TWICE);
        } else {
            TK_TILES_X2_MVE(T2, ONCE);
        }
    } else if (how & TK_INT4_MVE) {
        if (how & TK_TWICE_MVE) {
            TK_TILES_X2_MVE(S4, TWICE);
        } else {
            TK_TILES_X2_MVE(S4, ONCE);
        }
    } else {
        if (how & TK_TWICE_MVE) {
            TK_TILES_X2_MVE(S8, TWICE);
        } else {
            TK_TILES_X2_MVE(S8, ONCE);
        }
    }
}
#endif

#endif
