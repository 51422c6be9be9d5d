/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_T2_RV32_H
#define TK_FULLY_CONNECTED_T2_RV32_H

#include "tk_rv32.h"

/* Two ternary rows in one multiply. A word holds a column's weights + 1 of sixteen rows, two bits each; shifted right by
 * 2 * k and masked with 0x00030003 it holds those of rows k and k + 8 in its halves. */

enum { TK_T2_ROWS_RV32 = 16, TK_T2_MOST_COLUMNS_RV32 = 127 }; /* 127 * 2 * 128 is just below 2^15 */

#ifdef TK_HAS_RV32

/* clang-format off */
#define TK_RV32_T2_FIRST(sum)         \
    "and s0, t1, t0\n"                \
    "mul s0, t2, s0\n"                \
    "add " #sum ", " #sum ", s0\n"
#define TK_RV32_T2_NEXT(sum) "srli t1, t1, 2\n" TK_RV32_T2_FIRST(sum)

/* One column of sixteen rows: 33 instructions, and as many bytes in every column. */
#define TK_RV32_T2_COLUMN(x, w)                                                                   \
    "lw t1, " #w "(a1)\n"                                                                         \
    "lb t2, " #x "(a0)\n"                                                                         \
    TK_RV32_T2_FIRST(a4) TK_RV32_T2_NEXT(a5) TK_RV32_T2_NEXT(a6) TK_RV32_T2_NEXT(a7)              \
    TK_RV32_T2_NEXT(t3) TK_RV32_T2_NEXT(t4) TK_RV32_T2_NEXT(t5) TK_RV32_T2_NEXT(t6)

/* sums[k] is the sum over at most 127 columns of x times the weights + 1 of row k, plus 2^16 times that of row k + 8. */
TK_RV32_FUNCTION void tk_sixteen_ternary_rv32(TK_UNUSED const int8_t *x, TK_UNUSED const uint32_t *weight,
                                              TK_UNUSED int32_t columns, TK_UNUSED uint32_t *sums) {
    __asm volatile("addi sp, sp, -16\n"
                   "sw s0, 0(sp)\n"
                   "neg t0, a2\n"
                   "andi t0, t0, 3\n" /* columns that the first round lacks */
                   "add a2, a2, a0\n" /* where x ends */
                   "sub a0, a0, t0\n"
                   "slli t1, t0, 2\n"
                   "sub a1, a1, t1\n"
                   "lla t1, 2f\n"
                   "lla t2, 3f\n"
                   "sub t2, t2, t1\n"
                   "mul t2, t2, t0\n"
                   "add t1, t1, t2\n"
                   "li t0, 0x00030003\n"
                   "li a4, 0\n"
                   "li a5, 0\n"
                   "li a6, 0\n"
                   "li a7, 0\n"
                   "li t3, 0\n"
                   "li t4, 0\n"
                   "li t5, 0\n"
                   "li t6, 0\n"
                   "jr t1\n"
                   "2:\n"
                   TK_RV32_T2_COLUMN(0, 0)
                   "3:\n"
                   TK_RV32_T2_COLUMN(1, 4)
                   TK_RV32_T2_COLUMN(2, 8)
                   TK_RV32_T2_COLUMN(3, 12)
                   "addi a0, a0, 4\n"
                   "addi a1, a1, 16\n"
                   "bne a0, a2, 2b\n"
                   "sw a4, 0(a3)\n"
                   "sw a5, 4(a3)\n"
                   "sw a6, 8(a3)\n"
                   "sw a7, 12(a3)\n"
                   "sw t3, 16(a3)\n"
                   "sw t4, 20(a3)\n"
                   "sw t5, 24(a3)\n"
                   "sw t6, 28(a3)\n"
                   "lw s0, 0(sp)\n"
                   "addi sp, sp, 16\n"
                   "ret\n" ::: "memory");
}
/* clang-format on */

#else

TK_RV32_FUNCTION void tk_sixteen_ternary_rv32(const int8_t *x, const uint32_t *weight, int32_t columns,
                                              uint32_t *sums) {
    for (int32_t k = 0; k < TK_T2_ROWS_RV32 / 2; ++k) {
        sums[k] = 0;
        for (int32_t i = 0; i < columns; ++i)
            sums[k] += (uint32_t)(int32_t)x[i] * (weight[i] >> 2 * k & 0x30003u);
    }
}

#endif

/* As tk_fully_connected_s8 with weights in -1..1, sixteen channels at a time, packed as said above. One copy for all
 * layers: the loop that costs is assembly. */
static TK_NOINLINE TK_UNUSED void tk_fully_connected_t2_rv32(const int8_t *input, const uint32_t *weight,
                                                             const tk_finish_rv32 *finish,
                                                             int32_t double_rounding, int8_t *output,
                                                             int32_t rows, int32_t depth, int32_t channels) {
    const int32_t half = TK_T2_ROWS_RV32 / 2;
    for (int32_t row = 0; row < rows; ++row, input += depth) {
        const int32_t extra = tk_sum_rv32(input, depth);
        const uint32_t *w = weight;
        const tk_channel_rv32 *c = finish->channels, *const end = c + channels;
        while (c != end) {
            int32_t sums[TK_T2_ROWS_RV32];
            TK_ROLLED
            for (int32_t k = 0; k < TK_T2_ROWS_RV32; ++k) sums[k] = -extra;
            for (int32_t at = 0; at < depth; at += TK_T2_MOST_COLUMNS_RV32) {
                const int32_t columns = tk_min(TK_T2_MOST_COLUMNS_RV32, depth - at);
                uint32_t words[TK_T2_ROWS_RV32 / 2];
                tk_sixteen_ternary_rv32(input + at, w, columns, words);
                w += columns;
                TK_ROLLED
                for (int32_t k = 0; k < half; ++k) {
                    const int32_t upper = (int32_t)(words[k] + 0x8000u) >> 16;
                    sums[k + half] += upper;
                    sums[k] += (int32_t)(words[k] - ((uint32_t)upper << 16));
                }
            }
            TK_ROLLED
            for (const int32_t *sum = sums; sum != sums + TK_T2_ROWS_RV32 && c != end; ++sum, ++c) {
                *output++ = tk_finish_one_rv32(*sum + c->bias, c, finish->low, finish->high, double_rounding);
            }
        }
    }
}

#endif
