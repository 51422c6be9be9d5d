/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DOT_S8_MVE_H
#define TK_DOT_S8_MVE_H

#include "tk_requantize_mve.h"

/* Sums of products of int8: four rows of weights with one or two pixels. Rows lie in tiles: for every chunk of 16
 * columns four times 16 weights. VMLADAVA adds 16 products to a register of even number, so eight of them hold four
 * channels of two pixels. */

#ifdef TK_HAS_MVE
#define TK_ROW_X1(op, w, a) "vldrw.u32 q1, [%[w]" w "\n" op " " a ", q0, q1\n"
#define TK_CHUNK_X1(op)                                                                       \
    "vldrb.u8 q0, [%[x]], #16\n" TK_ROW_X1(op, "], #64", "r6") TK_ROW_X1(op, ", #-48]", "r8") \
        TK_ROW_X1(op, ", #-32]", "r10") TK_ROW_X1(op, ", #-16]", "r12")
#define TK_ROW_X2(op, w, a, b) "vldrw.u32 q2, [%[w]" w "\n" op " " a ", q0, q2\n" op " " b ", q1, q2\n"
#define TK_CHUNK_X2(op)                                                                                     \
    "vldrb.u8 q0, [%[x0]], #16\n"                                                                           \
    "vldrb.u8 q1, [%[x1]], #16\n" TK_ROW_X2(op, "], #64", "r0", "r8") TK_ROW_X2(op, ", #-48]", "r2", "r10") \
        TK_ROW_X2(op, ", #-32]", "r4", "r12") TK_ROW_X2(op, ", #-16]", "r6", "lr")
#endif

/* The sums of x, 16 * chunks values, with four rows. Leaves *tile behind the rows. */
TK_INLINE tk_s32x4 tk_dot_s8_x1_mve(const int8_t *x, int32_t chunks, const int8_t **tile) {
#ifdef TK_HAS_MVE
    tk_s32x4 sum;
    const int8_t *w = *tile;
    __asm volatile(TK_CHUNK_X1("vmladav.s8") /* clang-format off */
                   "lsrs %[chunks], #1\n"
                   "wls lr, %[chunks], 3f\n"
                   "bcc 2f\n" /* an even number of chunks: an odd number left */
                   "1:\n" TK_CHUNK_X1("vmladava.s8")
                   "2:\n" TK_CHUNK_X1("vmladava.s8")
                   "le lr, 1b\n"
                   "3:\n"
                   "vmov %q[sum][2], %q[sum][0], r6, r10\n"
                   "vmov %q[sum][3], %q[sum][1], r8, r12\n" /* clang-format on */
                   : [x] "+r"(x), [w] "+r"(w), [chunks] "+r"(chunks), [sum] "=w"(sum)
                   :
                   : "q0", "q1", "r6", "r8", "r10", "r12", "lr", "cc", "memory");
    *tile = w;
    return sum;
#else
    tk_s32x4 sum = tk_v_same(0);
    for (int32_t k = 0; k < chunks; ++k, x += 16, *tile += 64) {
        for (int32_t i = 0; i < 64; ++i) sum.lane[i / 16] += x[i % 16] * (*tile)[i];
    }
    return sum;
#endif
}

/* The same for two pixels at once. */
TK_INLINE void tk_dot_s8_x2_mve(const int8_t *x0, const int8_t *x1, int32_t chunks, const int8_t **tile,
                                tk_s32x4 *first, tk_s32x4 *second) {
#ifdef TK_HAS_MVE
    const int8_t *w = *tile;
    tk_s32x4 a, b;
    __asm volatile(
        TK_CHUNK_X2("vmladav.s8") /* clang-format off */
                   "lsrs %[chunks], #1\n"
                   "beq 3f\n"
                   "bcc 2f\n"
                   "1:\n" TK_CHUNK_X2("vmladava.s8")
                   "2:\n" TK_CHUNK_X2("vmladava.s8")
                   "subs %[chunks], #1\n"
                   "bne 1b\n"
                   "3:\n"
                   "vmov %q[a][2], %q[a][0], r0, r4\n"
                   "vmov %q[a][3], %q[a][1], r2, r6\n"
                   "vmov %q[b][2], %q[b][0], r8, r12\n"
                   "vmov %q[b][3], %q[b][1], r10, lr\n" /* clang-format on */
        : [x0] "+r"(x0), [x1] "+r"(x1), [w] "+r"(w), [chunks] "+r"(chunks), [a] "=w"(a), [b] "=w"(b)
        :
        : "q0", "q1", "q2", "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory");
    *tile = w;
    *first = a;
    *second = b;
#else
    const int8_t *same = *tile;
    *first = tk_dot_s8_x1_mve(x0, chunks, &same);
    *second = tk_dot_s8_x1_mve(x1, chunks, tile);
#endif
}

#endif
