/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DOT_MVE_H
#define TK_DOT_MVE_H

#include "tk_mve.h"

/* The sums of products of one or two pixels with four rows of weights, for the three ways in which weights lie in flash.
 * A chunk is four rows of 16 weights: as int8, row after row; of four bits, two rows a byte; ternary, as codes (weight +
 * 1), four rows a byte. VMLADAVA adds 16 products to a register of even number, so eight of them hold four channels of
 * two pixels. `op` is vmladav for the first chunk, then vmladava. x goes to q0 and q1; q2 and q3 are free; q4 is the
 * mask. toolkit/kernels/tile_mve.py packs the weights. */

#ifdef TK_HAS_MVE
/* clang-format off */
#define TK_X1_MVE "vldrb.u8 q0, [%[x]], #16\n"
#define TK_X2_MVE "vldrb.u8 q0, [%[x0]], #16\nvldrb.u8 q1, [%[x1]], #16\n"
#define TK_MEET_X1_MVE(op, row, sum) op " " sum ", q0, " row "\n"
#define TK_MEET_X2_MVE(op, row, sum, other) op " " sum ", q0, " row "\n" op " " other ", q1, " row "\n"

#define TK_MASK_S8_MVE ""
#define TK_CHUNK_S8_X1_MVE(op) TK_X1_MVE                                             \
    "vldrw.u32 q2, [%[w]], #64\n"   TK_MEET_X1_MVE(op, "q2", "r6")                   \
    "vldrw.u32 q2, [%[w], #-48]\n"  TK_MEET_X1_MVE(op, "q2", "r8")                   \
    "vldrw.u32 q2, [%[w], #-32]\n"  TK_MEET_X1_MVE(op, "q2", "r10")                  \
    "vldrw.u32 q2, [%[w], #-16]\n"  TK_MEET_X1_MVE(op, "q2", "r12")
#define TK_CHUNK_S8_X2_MVE(op) TK_X2_MVE                                             \
    "vldrw.u32 q2, [%[w]], #64\n"   TK_MEET_X2_MVE(op, "q2", "r0", "r8")             \
    "vldrw.u32 q2, [%[w], #-48]\n"  TK_MEET_X2_MVE(op, "q2", "r2", "r10")            \
    "vldrw.u32 q2, [%[w], #-32]\n"  TK_MEET_X2_MVE(op, "q2", "r4", "r12")            \
    "vldrw.u32 q2, [%[w], #-16]\n"  TK_MEET_X2_MVE(op, "q2", "r6", "lr")

/* Both halves of a byte become 16 times the weight. */
#define TK_MASK_S4_MVE "vmov.i8 q4, #0xF0\n"
#define TK_CHUNK_S4_X1_MVE(op) TK_X1_MVE                                             \
    "vldrw.u32 q2, [%[w]], #32\n"                                                    \
    "vshl.i8 q3, q2, #4\n"          TK_MEET_X1_MVE(op, "q3", "r6")                   \
    "vand q3, q2, q4\n"             TK_MEET_X1_MVE(op, "q3", "r8")                   \
    "vldrw.u32 q2, [%[w], #-16]\n"                                                   \
    "vshl.i8 q3, q2, #4\n"          TK_MEET_X1_MVE(op, "q3", "r10")                  \
    "vand q3, q2, q4\n"             TK_MEET_X1_MVE(op, "q3", "r12")
#define TK_CHUNK_S4_X2_MVE(op) TK_X2_MVE                                             \
    "vldrw.u32 q2, [%[w]], #32\n"                                                    \
    "vshl.i8 q3, q2, #4\n"          TK_MEET_X2_MVE(op, "q3", "r0", "r8")             \
    "vand q3, q2, q4\n"             TK_MEET_X2_MVE(op, "q3", "r2", "r10")            \
    "vldrw.u32 q2, [%[w], #-16]\n"                                                   \
    "vshl.i8 q3, q2, #4\n"          TK_MEET_X2_MVE(op, "q3", "r4", "r12")            \
    "vand q3, q2, q4\n"             TK_MEET_X2_MVE(op, "q3", "r6", "lr")

#define TK_MASK_T2_MVE "vmov.i8 q4, #3\n"
#define TK_CHUNK_T2_X1_MVE(op) TK_X1_MVE                                             \
    "vldrw.u32 q2, [%[w]], #16\n"                                                    \
    "vand q3, q2, q4\n"                          TK_MEET_X1_MVE(op, "q3", "r6")      \
    "vshr.u8 q3, q2, #2\nvand q3, q3, q4\n"      TK_MEET_X1_MVE(op, "q3", "r8")      \
    "vshr.u8 q3, q2, #4\nvand q3, q3, q4\n"      TK_MEET_X1_MVE(op, "q3", "r10")     \
    "vshr.u8 q3, q2, #6\n"                       TK_MEET_X1_MVE(op, "q3", "r12")
#define TK_CHUNK_T2_X2_MVE(op) TK_X2_MVE                                             \
    "vldrw.u32 q2, [%[w]], #16\n"                                                    \
    "vand q3, q2, q4\n"                        TK_MEET_X2_MVE(op, "q3", "r0", "r8")  \
    "vshr.u8 q3, q2, #2\nvand q3, q3, q4\n"    TK_MEET_X2_MVE(op, "q3", "r2", "r10") \
    "vshr.u8 q3, q2, #4\nvand q3, q3, q4\n"    TK_MEET_X2_MVE(op, "q3", "r4", "r12") \
    "vshr.u8 q3, q2, #6\n"                     TK_MEET_X2_MVE(op, "q3", "r6", "lr")

/* All chunks: the first, then two a turn; an even number of them begins in the middle. Sums to q0 (and q1). */
#define TK_CHUNKS_X1_MVE(chunk)                        \
    chunk("vmladav.s8")                                \
    "lsrs lr, %[chunks], #1\n"                         \
    "wls lr, lr, 3f\n"                                 \
    "bcc 2f\n"                                         \
    "1:\n" chunk("vmladava.s8")                        \
    "2:\n" chunk("vmladava.s8")                        \
    "le lr, 1b\n"                                      \
    "3:\n"                                             \
    "vmov q0[2], q0[0], r6, r10\n"                     \
    "vmov q0[3], q0[1], r8, r12\n"
#define TK_CHUNKS_X2_MVE(chunk)                        \
    chunk("vmladav.s8")                                \
    "lsrs %[n], #1\n"                                  \
    "beq 3f\n"                                         \
    "bcc 2f\n"                                         \
    "1:\n" chunk("vmladava.s8")                        \
    "2:\n" chunk("vmladava.s8")                        \
    "subs %[n], #1\n"                                  \
    "bne 1b\n"                                         \
    "3:\n"                                             \
    "vmov q0[2], q0[0], r0, r4\n"                      \
    "vmov q0[3], q0[1], r2, r6\n"                      \
    "vmov q1[2], q1[0], r8, r12\n"                     \
    "vmov q1[3], q1[1], r10, lr\n"
#define TK_USED_X1_MVE "q0", "q2", "q3", "q4", "r6", "r8", "r10", "r12", "lr", "cc", "memory"
#define TK_USED_X2_MVE \
    "q0", "q1", "q2", "q3", "q4", "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory"
/* clang-format on */

/* The sums of one pixel with one tile. Each leaves *weight behind it. */
#define TK_DOT_MVE(kind, KIND, shift)                                                                     \
    TK_INLINE tk_s32x4 tk_dot_##kind##_mve(const int8_t *x, int32_t chunks, const int8_t **weight) {      \
        tk_s32x4 sum;                                                                                     \
        const int8_t *w = *weight;                                                                        \
        __asm volatile(TK_MASK_##KIND##_MVE TK_CHUNKS_X1_MVE(TK_CHUNK_##KIND##_X1_MVE) "vmov %q[a], q0\n" \
                       : [x] "+r"(x), [w] "+r"(w), [a] "=w"(sum)                                          \
                       : [chunks] "r"(chunks)                                                             \
                       : TK_USED_X1_MVE);                                                                 \
        *weight = w;                                                                                      \
        return shift ? tk_v_shift_n(sum, -(shift)) : sum;                                                 \
    }
TK_DOT_MVE(s8, S8, 0)
TK_DOT_MVE(s4, S4, 4)
TK_DOT_MVE(t2, T2, 0)
#undef TK_DOT_MVE
#else
TK_INLINE int32_t tk_weight_s8(const int8_t *chunk, int32_t row, int32_t column) {
    return chunk[16 * row + column];
}
TK_INLINE int32_t tk_weight_s4(const int8_t *chunk, int32_t row, int32_t column) {
    const int32_t both = (uint8_t)chunk[16 * (row / 2) + column];
    return (((row % 2 != 0 ? both >> 4 : both) & 15) ^ 8) - 8;
}
TK_INLINE int32_t tk_weight_t2(const int8_t *chunk, int32_t row, int32_t column) {
    return (uint8_t)chunk[column] >> (2 * row) & 3;
}
#define TK_DOT_MVE(kind, bytes)                                                                      \
    TK_INLINE tk_s32x4 tk_dot_##kind##_mve(const int8_t *x, int32_t chunks, const int8_t **weight) { \
        tk_s32x4 sum = tk_v_same(0);                                                                 \
        for (int32_t k = 0; k < chunks; ++k, x += 16, *weight += (bytes)) {                          \
            for (int32_t i = 0; i < 64; ++i) {                                                       \
                sum.lane[i / 16] += x[i % 16] * tk_weight_##kind(*weight, i / 16, i % 16);           \
            }                                                                                        \
        }                                                                                            \
        return sum;                                                                                  \
    }
TK_DOT_MVE(s8, 64)
TK_DOT_MVE(s4, 32)
TK_DOT_MVE(t2, 16)
#undef TK_DOT_MVE
#endif

/* The sum of `chunks` times 16 bytes: what ternary sums of code * x have too much. */
TK_INLINE int32_t tk_total_mve(const int8_t *x, int32_t chunks) {
#ifdef TK_HAS_MVE
    register int32_t total __asm("r0") = 0;
    __asm volatile("dls lr, %[chunks]\n"
                   "1: vldrb.u8 q0, [%[x]], #16\n"
                   "vaddva.s8 r0, q0\n"
                   "le lr, 1b\n"
                   : [x] "+r"(x), "+r"(total)
                   : [chunks] "r"(chunks)
                   : "q0", "lr", "memory");
    return total;
#else
    int32_t total = 0;
    for (int32_t i = 0; i < 16 * chunks; ++i) total += x[i];
    return total;
#endif
}

#endif
