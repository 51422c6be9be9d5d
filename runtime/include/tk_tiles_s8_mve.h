/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TILES_S8_MVE_H
#define TK_TILES_S8_MVE_H

#include "tk_dot_s8_mve.h"

#ifdef TK_HAS_MVE
/* All whole tiles of two pixels in asm: eight sums, three pointers and a count leave a compiler no registers for what
 * comes between the tiles. The asm knows the order of the fields. */
typedef struct {
    int8_t *first, *second;
    int32_t zero_point, left, bytes, chunks;
} tk_tiles_mve;

#define TK_HIGH_X2_ONCE_MVE    \
    "vqdmulh.s32 q0, q0, q2\n" \
    "vqdmulh.s32 q1, q1, q2\n"
#define TK_HIGH_X2_TWICE_MVE    \
    "vqrdmulh.s32 q0, q0, q2\n" \
    "vqrdmulh.s32 q1, q1, q2\n" \
    "vshr.s32 q2, q0, #31\n"    \
    "vadd.i32 q0, q0, q2\n"     \
    "vshr.s32 q2, q1, #31\n"    \
    "vadd.i32 q1, q1, q2\n"
/* clang-format off */
#define TK_TILES_S8_X2_MVE(rounding, x0_, x1_, tile_, state_)                            \
    __asm volatile("0:\n"                                                                \
                   "ldr %[n], [%[state], #20]\n"                                         \
                   TK_CHUNK_X2("vmladav.s8")                                             \
                   "lsrs %[n], #1\n"                                                     \
                   "beq 3f\n"                                                            \
                   "bcc 2f\n"                                                            \
                   "1:\n" TK_CHUNK_X2("vmladava.s8")                                     \
                   "2:\n" TK_CHUNK_X2("vmladava.s8")                                     \
                   "subs %[n], #1\n"                                                     \
                   "bne 1b\n"                                                            \
                   "3:\n"                                                                \
                   "vmov q0[2], q0[0], r0, r4\n"                                         \
                   "vmov q0[3], q0[1], r2, r6\n"                                         \
                   "vmov q1[2], q1[0], r8, r12\n"                                        \
                   "vmov q1[3], q1[1], r10, lr\n"                                        \
                   "ldm %[state], {r0, r2, r4, r6, r8}\n"                                \
                   "vldrw.u32 q2, [%[w]], #16\n"                                         \
                   "vadd.i32 q0, q0, q2\n"                                               \
                   "vadd.i32 q1, q1, q2\n"                                               \
                   "vldrw.u32 q2, [%[w]], #16\n"                                         \
                   TK_HIGH_X2_##rounding##_MVE                                           \
                   "vldrb.s32 q2, [%[w]], #4\n"                                          \
                   "vrshl.s32 q0, q0, q2\n"                                              \
                   "vrshl.s32 q1, q1, q2\n"                                              \
                   "vadd.i32 q0, q0, r4\n"                                               \
                   "vadd.i32 q1, q1, r4\n"                                               \
                   "vqmovnb.s32 q0, q0\n"                                                \
                   "vqmovnb.s32 q1, q1\n"                                                \
                   "vqmovnb.s16 q0, q0\n"                                                \
                   "vqmovnb.s16 q1, q1\n"                                                \
                   "vstrb.32 q0, [r0], #4\n"                                             \
                   "vstrb.32 q1, [r2], #4\n"                                             \
                   "sub %[x0], %[x0], r8\n"                                              \
                   "sub %[x1], %[x1], r8\n"                                              \
                   "subs r6, #1\n"                                                       \
                   "stm %[state], {r0, r2, r4, r6}\n"                                    \
                   "bne 0b\n"                                                            \
                   : [x0] "+r"(x0_), [x1] "+r"(x1_), [w] "+l"(tile_), [n] "=&r"(tk_n)    \
                   : [state] "r"(state_)                                                 \
                   : "q0", "q1", "q2", "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", \
                     "cc", "memory")
/* clang-format on */

/* `count` tiles, at least one, of two pixels to outputs `channels` bytes apart. Leaves *tile behind them. */
TK_INLINE void tk_tiles_s8_x2_mve(const int8_t *x0, const int8_t *x1, int32_t chunks, int32_t count,
                                  int32_t zero_point, int twice, const int8_t **tile, int8_t *output,
                                  int32_t channels) {
    tk_tiles_mve state = {output, output + channels, zero_point, count, 16 * chunks, chunks};
    const int8_t *w = *tile;
    int32_t tk_n;
    if (twice) {
        TK_TILES_S8_X2_MVE(TWICE, x0, x1, w, &state);
    } else {
        TK_TILES_S8_X2_MVE(ONCE, x0, x1, w, &state);
    }
    *tile = w;
}

/* The same for one pixel. */
#define TK_HIGH_X1_ONCE_MVE "vqdmulh.s32 q0, q0, q1\n"
#define TK_HIGH_X1_TWICE_MVE    \
    "vqrdmulh.s32 q0, q0, q1\n" \
    "vshr.s32 q1, q0, #31\n"    \
    "vadd.i32 q0, q0, q1\n"
/* clang-format off */
#define TK_TILES_S8_X1_MVE(rounding, x_, tile_, output_, count_, chunks_, zero_point_)   \
    __asm volatile("0:\n"                                                                \
                   TK_CHUNK_X1("vmladav.s8")                                             \
                   "lsrs lr, %[chunks], #1\n"                                            \
                   "wls lr, lr, 3f\n"                                                    \
                   "bcc 2f\n"                                                            \
                   "1:\n" TK_CHUNK_X1("vmladava.s8")                                     \
                   "2:\n" TK_CHUNK_X1("vmladava.s8")                                     \
                   "le lr, 1b\n"                                                         \
                   "3:\n"                                                                \
                   "vmov q0[2], q0[0], r6, r10\n"                                         \
                   "vmov q0[3], q0[1], r8, r12\n"                                         \
                   "vldrw.u32 q1, [%[w]], #16\n"                                         \
                   "vadd.i32 q0, q0, q1\n"                                               \
                   "vldrw.u32 q1, [%[w]], #16\n"                                         \
                   TK_HIGH_X1_##rounding##_MVE                                           \
                   "vldrb.s32 q1, [%[w]], #4\n"                                          \
                   "vrshl.s32 q0, q0, q1\n"                                              \
                   "vadd.i32 q0, q0, %[zero]\n"                                          \
                   "vqmovnb.s32 q0, q0\n"                                                \
                   "vqmovnb.s16 q0, q0\n"                                                \
                   "vstrb.32 q0, [%[to]], #4\n"                                          \
                   "sub %[x], %[x], %[chunks], lsl #4\n"                                 \
                   "subs %[count], #1\n"                                                 \
                   "bne 0b\n"                                                            \
                   : [x] "+r"(x_), [w] "+l"(tile_), [to] "+l"(output_), [count] "+r"(count_) \
                   : [chunks] "r"(chunks_), [zero] "r"(zero_point_)                      \
                   : "q0", "q1", "r6", "r8", "r10", "r12", "lr", "cc", "memory")
/* clang-format on */

TK_INLINE void tk_tiles_s8_x1_mve(const int8_t *x, int32_t chunks, int32_t count, int32_t zero_point,
                                  int twice, const int8_t **tile, int8_t *output) {
    const int8_t *w = *tile;
    if (twice) {
        TK_TILES_S8_X1_MVE(TWICE, x, w, output, count, chunks, zero_point);
    } else {
        TK_TILES_S8_X1_MVE(ONCE, x, w, output, count, chunks, zero_point);
    }
    *tile = w;
}
#endif

#endif
