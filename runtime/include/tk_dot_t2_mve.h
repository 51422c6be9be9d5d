/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DOT_T2_MVE_H
#define TK_DOT_T2_MVE_H

#include "tk_dot_packed_mve.h"

/* As tk_dot_s8_mve.h, for ternary weights: a chunk is 64 columns, four rows of 16 bytes, and byte k of a row holds the
 * codes (weight + 1) of columns k, k + 16, k + 32 and k + 48, lowest bits first. Sums are of code * x; the sum of x, to
 * be taken off, serves every row. */

#ifdef TK_HAS_MVE
#define TK_CODE_0_MVE(row) "vand q6, " row ", q7\n"
#define TK_CODE_1_MVE(row) "vshr.u8 q6, " row ", #2\nvand q6, q6, q7\n"
#define TK_CODE_2_MVE(row) "vshr.u8 q6, " row ", #4\nvand q6, q6, q7\n"
#define TK_CODE_3_MVE(row) "vshr.u8 q6, " row ", #6\n"
#define TK_FIELDS_T2_MVE(field)                                                                    \
    field(TK_CODE_0_MVE, "], #64") field(TK_CODE_1_MVE, ", #-48]") field(TK_CODE_2_MVE, ", #-32]") \
        field(TK_CODE_3_MVE, ", #-16]")
#endif

/* The sum of `chunks` times 64 bytes. */
TK_INLINE int32_t tk_total_mve(const int8_t *x, int32_t chunks) {
#ifdef TK_HAS_MVE
    register int32_t total __asm("r0") = 0;
    __asm volatile("dls lr, %[chunks]\n"
                   "1: vldrb.u8 q0, [%[x]], #64\n"
                   "vaddva.s8 r0, q0\n"
                   "vldrb.u8 q0, [%[x], #-48]\n"
                   "vaddva.s8 r0, q0\n"
                   "vldrb.u8 q0, [%[x], #-32]\n"
                   "vaddva.s8 r0, q0\n"
                   "vldrb.u8 q0, [%[x], #-16]\n"
                   "vaddva.s8 r0, q0\n"
                   "le lr, 1b\n"
                   : [x] "+r"(x), "+r"(total)
                   : [chunks] "r"(chunks)
                   : "q0", "lr", "memory");
    return total;
#else
    int32_t total = 0;
    for (int32_t i = 0; i < 64 * chunks; ++i) total += x[i];
    return total;
#endif
}

/* The sums of 64 * chunks values with four rows of codes. Leaves *tile behind the rows. */
TK_INLINE tk_s32x4 tk_dot_t2_x1_mve(const int8_t *x, int32_t chunks, const int8_t **tile) {
#ifdef TK_HAS_MVE
    tk_s32x4 sum;
    const int8_t *w = *tile;
    TK_DOT_PACKED_X1_MVE("3", TK_FIELDS_T2_MVE(TK_FIELD_X1_MVE), x, chunks, w, sum);
    *tile = w;
    return sum;
#else
    tk_s32x4 sum = tk_v_same(0);
    for (int32_t k = 0; k < chunks; ++k, x += 64, *tile += 64) {
        for (int32_t i = 0; i < 64; ++i) {
            const int32_t codes = (uint8_t)(*tile)[i];
            for (int32_t j = 0; j < 4; ++j) sum.lane[i / 16] += x[i % 16 + 16 * j] * (codes >> (2 * j) & 3);
        }
    }
    return sum;
#endif
}

/* The same for two pixels at once. */
TK_INLINE void tk_dot_t2_x2_mve(const int8_t *x0, const int8_t *x1, int32_t chunks, const int8_t **tile,
                                tk_s32x4 *first, tk_s32x4 *second) {
#ifdef TK_HAS_MVE
    tk_s32x4 a, b;
    const int8_t *w = *tile;
    TK_DOT_PACKED_X2_MVE("3", TK_FIELDS_T2_MVE(TK_FIELD_X2_MVE), x0, x1, chunks, w, a, b);
    *tile = w;
    *first = a;
    *second = b;
#else
    const int8_t *same = *tile;
    *first = tk_dot_t2_x1_mve(x0, chunks, &same);
    *second = tk_dot_t2_x1_mve(x1, chunks, tile);
#endif
}

#endif
