/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_S8_RV32_H
#define TK_FULLY_CONNECTED_S8_RV32_H

#include "tk_rv32.h"

/* Four rows in three multiplies. A word holds a column's weights of rows a, b, c, d as its bytes: a + 128 lowest, then
 * b + 128, c + 128, and d. Times the input, summed modulo 2^32,
 *     the word gives          s = A + 2^8 * B + 2^16 * C + 2^24 * D,
 *     its second and fourth   v = B + 2^16 * D, where the multiply's upper word spares a shift,
 *     its upper half          t = C + 2^8 * D,
 * once what the 128s add is taken back. From these all four sums follow exactly as long as they stay below 2^23. */

/* All channels of one row of input, sixteen at a time. The assembly knows these offsets, and moves `weight`, `channel`
 * and `output` on. */
typedef struct {
    const int32_t *weight;              /* 0 */
    const int8_t *x;                    /* 4 */
    const int8_t *x_end;                /* 8 */
    const tk_channel_rv32 *channel;     /* 12 */
    int8_t *output;                     /* 16 */
    int8_t *output_end;                 /* 20 */
    int32_t low, high;                  /* 24, 28 */
    uint32_t start_s, start_v, start_t; /* 32, 36, 40: what takes the 128s back */
    int32_t words[12];                  /* 44: s, v, t of four times four rows */
} tk_sixteen_rows_rv32;
typedef void tk_sixteen_rows_function_rv32(tk_sixteen_rows_rv32 *rows);

#ifdef TK_HAS_RV32

/* clang-format off */
/* The word at `at` times the input, a4, which a5 holds shifted left by 24. */
#define TK_RV32_FOUR_ROWS(at, s, v, t)      \
    "lw a7, " #at "(a1)\n"                  \
    "mul t6, a4, a7\n"                      \
    "add " #s ", " #s ", t6\n"              \
    "srai t6, a7, 16\n"                     \
    "mul t6, a4, t6\n"                      \
    "add " #t ", " #t ", t6\n"              \
    "and a7, a7, a6\n"                      \
    "mulh t6, a5, a7\n"                     \
    "add " #v ", " #v ", t6\n"

/* One column of sixteen rows: 38 instructions, and as many bytes in every column. */
#define TK_RV32_FC_COLUMN(x, w0, w1, w2, w3)    \
    "lb a4, " #x "(a0)\n"                       \
    "slli a5, a4, 24\n"                         \
    TK_RV32_FOUR_ROWS(w0, s0, s1, s2)           \
    TK_RV32_FOUR_ROWS(w1, s3, s4, s5)           \
    TK_RV32_FOUR_ROWS(w2, s6, s7, s8)           \
    TK_RV32_FOUR_ROWS(w3, s9, s10, s11)

/* The next channel's sum becomes an output. */
#define TK_RV32_FC_ONCE(sum) TK_RV32_ONCE(sum, s8, s9, s10)
#define TK_RV32_FC_TWICE(sum) TK_RV32_TWICE(sum, s8, s9, s10, t6)
#define TK_RV32_FC_OUTPUT(sum, at, finish)      \
    "lw t6, " #at "(a1)\n"                      \
    "lw s8, " #at "+4(a1)\n"                    \
    "lw s9, " #at "+8(a1)\n"                    \
    "lw s10, " #at "+12(a1)\n"                  \
    "add " #sum ", " #sum ", t6\n"              \
    finish(sum)                                 \
    TK_RV32_CLAMP(sum, t3, t4)                  \
    "sb " #sum ", 0(a2)\n"                      \
    "addi a2, a2, 1\n"                          \
    "beq a2, a4, 6f\n"

#define TK_RV32_SIXTEEN_ROWS(name, finish)                                          \
    TK_RV32_FUNCTION void name(TK_UNUSED tk_sixteen_rows_rv32 *rows) {              \
        __asm volatile(TK_RV32_SAVE                                                 \
                       "mv a3, a0\n"                                                \
                       "2:\n" /* sixteen rows */                                    \
                       "lw a1, 0(a3)\n"                                             \
                       "lw a0, 4(a3)\n"                                             \
                       "lw a2, 8(a3)\n"                                             \
                       "li a6, 0xff00ff00\n"                                        \
                       "lw s0, 32(a3)\n"                                            \
                       "lw s1, 36(a3)\n"                                            \
                       "lw s2, 40(a3)\n"                                            \
                       "mv s3, s0\n"                                                \
                       "mv s4, s1\n"                                                \
                       "mv s5, s2\n"                                                \
                       "mv s6, s0\n"                                                \
                       "mv s7, s1\n"                                                \
                       "mv s8, s2\n"                                                \
                       "mv s9, s0\n"                                                \
                       "mv s10, s1\n"                                               \
                       "mv s11, s2\n"                                               \
                       "sub t0, a0, a2\n"                                           \
                       "andi t0, t0, 3\n" /* columns that the first round lacks */  \
                       "sub a0, a0, t0\n"                                           \
                       "slli t1, t0, 4\n"                                           \
                       "sub a1, a1, t1\n"                                           \
                       "lla t1, 3f\n"                                               \
                       "lla t2, 4f\n"                                               \
                       "sub t2, t2, t1\n"                                           \
                       "mul t0, t0, t2\n"                                           \
                       "add t0, t0, t1\n"                                           \
                       "jr t0\n"                                                    \
                       "3:\n"                                                       \
                       TK_RV32_FC_COLUMN(0, 0, 4, 8, 12)                            \
                       "4:\n"                                                       \
                       TK_RV32_FC_COLUMN(1, 16, 20, 24, 28)                         \
                       TK_RV32_FC_COLUMN(2, 32, 36, 40, 44) ::: "memory");          \
        /* a string holds 4095 characters at most */                                \
        __asm volatile(TK_RV32_FC_COLUMN(3, 48, 52, 56, 60)                         \
                       "addi a0, a0, 4\n"                                           \
                       "addi a1, a1, 64\n"                                          \
                       "bne a0, a2, 3b\n"                                           \
                       "sw a1, 0(a3)\n"                                             \
                       "sw s0, 44(a3)\n"                                            \
                       "sw s1, 48(a3)\n"                                            \
                       "sw s2, 52(a3)\n"                                            \
                       "sw s3, 56(a3)\n"                                            \
                       "sw s4, 60(a3)\n"                                            \
                       "sw s5, 64(a3)\n"                                            \
                       "sw s6, 68(a3)\n"                                            \
                       "sw s7, 72(a3)\n"                                            \
                       "sw s8, 76(a3)\n"                                            \
                       "sw s9, 80(a3)\n"                                            \
                       "sw s10, 84(a3)\n"                                           \
                       "sw s11, 88(a3)\n"                                           \
                       "lw a1, 12(a3)\n"                                            \
                       "lw a2, 16(a3)\n"                                            \
                       "lw a4, 20(a3)\n"                                            \
                       "lw t3, 24(a3)\n"                                            \
                       "lw t4, 28(a3)\n"                                            \
                       "addi t0, a3, 44\n"                                          \
                       "addi t1, a3, 92\n"                                          \
                       "5:\n" /* four rows: s0 = s, s1 = v, s2 = t */               \
                       "lw s0, 0(t0)\n"                                             \
                       "lw s1, 4(t0)\n"                                             \
                       "lw s2, 8(t0)\n"                                             \
                       "slli t6, s2, 16\n"                                          \
                       "sub s0, s0, t6\n" /* A + 2^8 * B */                         \
                       "slli t6, s1, 8\n"                                           \
                       "sub s4, s0, t6\n"                                           \
                       "slli s4, s4, 8\n"                                           \
                       "srai s4, s4, 8\n" /* A */                                   \
                       "sub s5, s0, s4\n"                                           \
                       "srai s5, s5, 8\n" /* B */                                   \
                       "sub t6, s1, s5\n" /* 2^16 * D */                            \
                       "srai t6, t6, 8\n"                                           \
                       "sub s6, s2, t6\n"                                           \
                       "slli s6, s6, 8\n"                                           \
                       "srai s6, s6, 8\n" /* C */                                   \
                       "sub s7, s2, s6\n"                                           \
                       "srai s7, s7, 8\n" /* D */                                   \
                       ::: "memory");                                               \
        __asm volatile(TK_RV32_FC_OUTPUT(s4, 0, finish)                             \
                       TK_RV32_FC_OUTPUT(s5, 16, finish)                            \
                       TK_RV32_FC_OUTPUT(s6, 32, finish)                            \
                       TK_RV32_FC_OUTPUT(s7, 48, finish)                            \
                       "addi a1, a1, 64\n"                                          \
                       "addi t0, t0, 12\n"                                          \
                       "bne t0, t1, 5b\n"                                           \
                       "sw a1, 12(a3)\n"                                            \
                       "sw a2, 16(a3)\n"                                            \
                       "j 2b\n"                                                     \
                       "6:\n"                                                       \
                       TK_RV32_RESTORE ::: "memory");                               \
    }
/* clang-format on */
TK_RV32_SIXTEEN_ROWS(tk_sixteen_rows_once_rv32, TK_RV32_FC_ONCE)
TK_RV32_SIXTEEN_ROWS(tk_sixteen_rows_twice_rv32, TK_RV32_FC_TWICE)

#else

TK_INLINE void tk_sixteen_rows_twin_rv32(const tk_sixteen_rows_rv32 *rows, int32_t twice) {
    const int32_t depth = (int32_t)(rows->x_end - rows->x),
                  channels = (int32_t)(rows->output_end - rows->output);
    for (int32_t o = 0; o < channels; o += 4) {
        const int32_t *w = rows->weight + o / 16 * 4 * depth + o % 16 / 4;
        uint32_t s = rows->start_s, v = rows->start_v, t = rows->start_t;
        for (int32_t k = 0; k < depth; ++k, w += 4) {
            s += (uint32_t)(rows->x[k] * (int64_t)*w);
            v += (uint32_t)(((int64_t)rows->x[k] * (*w & (int32_t)0xff00ff00)) >> 8);
            t += (uint32_t)(rows->x[k] * (*w >> 16));
        }
        int32_t sums[4];
        s -= t << 16;
        sums[0] = (int32_t)((s - (v << 8)) << 8) >> 8;
        sums[1] = (int32_t)(s - (uint32_t)sums[0]) >> 8;
        sums[2] = (int32_t)((t - (uint32_t)((int32_t)(v - (uint32_t)sums[1]) >> 8)) << 8) >> 8;
        sums[3] = (int32_t)(t - (uint32_t)sums[2]) >> 8;
        for (int32_t k = 0; k < tk_min(4, channels - o); ++k) {
            const tk_channel_rv32 *const c = rows->channel + o + k;
            rows->output[o + k] = tk_finish_one_rv32(sums[k] + c->bias, c, rows->low, rows->high, twice);
        }
    }
}
TK_RV32_FUNCTION void tk_sixteen_rows_once_rv32(tk_sixteen_rows_rv32 *rows) {
    tk_sixteen_rows_twin_rv32(rows, 0);
}
TK_RV32_FUNCTION void tk_sixteen_rows_twice_rv32(tk_sixteen_rows_rv32 *rows) {
    tk_sixteen_rows_twin_rv32(rows, 1);
}

#endif

/* As tk_fully_connected_s8, sixteen channels at a time, with words of four weights as said above, those of sixteen
 * channels side by side. One copy for all layers: the loops that cost are assembly. */
static TK_NOINLINE TK_UNUSED void tk_fully_connected_s8_rv32(const int8_t *input, const int32_t *weight,
                                                             const tk_finish_rv32 *finish,
                                                             tk_sixteen_rows_function_rv32 *sixteen_rows,
                                                             int8_t *output, int32_t rows, int32_t depth,
                                                             int32_t channels) {
    tk_sixteen_rows_rv32 r;
    r.low = finish->low;
    r.high = finish->high;
    for (int32_t row = 0; row < rows; ++row, input += depth, output += channels) {
        const uint32_t extra = 128u * (uint32_t)tk_sum_rv32(input, depth);
        r.weight = weight;
        r.x = input;
        r.x_end = input + depth;
        r.channel = finish->channels;
        r.output = output;
        r.output_end = output + channels;
        r.start_s = 0u - extra * 0x10101u;
        r.start_v = 0u - extra;
        r.start_t = 0u - extra;
        sixteen_rows(&r);
    }
}

#endif
