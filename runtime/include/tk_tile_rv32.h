/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TILE_RV32_H
#define TK_TILE_RV32_H

#include "tk_rv32.h"

/* Three pixels in two multiplies. Two words hold one value of pixels p, q and r: p + 2^11 * q, and r + 2^21 * q. Summed
 * products of both with the weights are P + 2^11 * Q and R + 2^21 * Q modulo 2^32, from which all three sums follow
 * exactly as long as they stay below 2^20. */

enum { TK_ROWS_RV32 = 4, TK_PIXELS_RV32 = 6, TK_WORDS_RV32 = 4 };

/* All channels of six pixels, four at a time, from their columns `x`. `weight` holds four channels of a column side by
 * side, parts of `part` columns one after the other, and `channel` has entries for whole fours. Output (pixel, channel)
 * is at output[pixel * stride + channel]. The assembly knows these offsets, and moves `weight`, `channel` and `output`
 * on. */
typedef struct {
    const uint32_t *x;                  /* 0 */
    const int8_t *weight;               /* 4 */
    const tk_channel_rv32 *channel;     /* 8 */
    const tk_channel_rv32 *channel_end; /* 12 */
    int32_t depth, part;                /* 16, 20 */
    int8_t *output;                     /* 24 */
    int32_t stride;                     /* 28 */
    int32_t low, high;                  /* 32, 36 */
    uint32_t words[4 * 4];              /* 40: sums of products, rows by words */
    int32_t sums[4 * 6];                /* 104: of the parts before, rows by pixels */
    int32_t later;                      /* 200: not the first part */
} tk_six_pixels_rv32;
typedef void tk_six_pixels_function_rv32(tk_six_pixels_rv32 *six);

/* Write what of six pixels lies `at` columns behind `from` as four words to `to`. */
TK_INLINE void tk_pack_column_rv32(const int8_t *const *from, int32_t at, uint32_t *to) {
    const int32_t p = from[0][at], q = from[1][at], r = from[2][at];
    const int32_t s = from[3][at], t = from[4][at], u = from[5][at];
    to[0] = (uint32_t)p + ((uint32_t)q << 11);
    to[1] = (uint32_t)r + ((uint32_t)q << 21);
    to[2] = (uint32_t)s + ((uint32_t)t << 11);
    to[3] = (uint32_t)u + ((uint32_t)t << 21);
}

/* Write `count` columns of six pixels to `to`; return where the next go. */
static TK_NOINLINE TK_UNUSED uint32_t *tk_pack_columns_rv32(const int8_t *const *pixels, int32_t count,
                                                            uint32_t *to) {
    const int8_t *from[TK_PIXELS_RV32] = {pixels[0], pixels[1], pixels[2], pixels[3], pixels[4], pixels[5]};
    const int8_t *const end = from[0] + count;
    const int8_t *const fours = from[0] + (count & ~3);
    while (from[0] != fours) {
        tk_pack_column_rv32(from, 0, to);
        tk_pack_column_rv32(from, 1, to + 4);
        tk_pack_column_rv32(from, 2, to + 8);
        tk_pack_column_rv32(from, 3, to + 12);
        for (int32_t k = 0; k < TK_PIXELS_RV32; ++k) from[k] += 4;
        to += 16;
    }
    TK_ROLLED
    while (from[0] != end) {
        tk_pack_column_rv32(from, 0, to);
        for (int32_t k = 0; k < TK_PIXELS_RV32; ++k) from[k] += 1;
        to += 4;
    }
    return to;
}

#ifdef TK_HAS_RV32

/* clang-format off */
/* Row `at` of a column: its sums a .. d of four words. */
#define TK_RV32_ROW(at, a, b, c, d) \
    "lb a4, " #at "(a1)\n"          \
    "mul a5, t3, a4\n"              \
    "add " #a ", " #a ", a5\n"      \
    "mul a5, t4, a4\n"              \
    "add " #b ", " #b ", a5\n"      \
    "mul a5, t5, a4\n"              \
    "add " #c ", " #c ", a5\n"      \
    "mul a5, t6, a4\n"              \
    "add " #d ", " #d ", a5\n"

/* 40 instructions for 24 products. Every column's code is as long as any other's, since no register that is loaded is
 * one of those that compressed loads know. */
#define TK_RV32_COLUMN(x0, x1, x2, x3, w0, w1, w2, w3) \
    "lw t3, " #x0 "(a0)\n"                             \
    "lw t4, " #x1 "(a0)\n"                             \
    "lw t5, " #x2 "(a0)\n"                             \
    "lw t6, " #x3 "(a0)\n"                             \
    TK_RV32_ROW(w0, s0, s1, s2, s3)                    \
    TK_RV32_ROW(w1, s4, s5, s6, s7)                    \
    TK_RV32_ROW(w2, s8, s9, s10, s11)                  \
    TK_RV32_ROW(w3, a6, a7, t0, t1)

/* The three sums that words `pq` and `rq` hold; spoils t6. */
#define TK_RV32_SPLIT(pq, rq, p, q, r)   \
    "slli " #r ", " #rq ", 11\n"         \
    "srai " #r ", " #r ", 11\n"          \
    "sub t6, " #rq ", " #r "\n"          \
    "slli " #p ", " #pq ", 10\n"         \
    "sub " #p ", " #p ", t6\n"           \
    "srai " #p ", " #p ", 10\n"          \
    "sub " #q ", " #pq ", " #p "\n"      \
    "srai " #q ", " #q ", 11\n"

#define TK_RV32_FOR_SIX(macro) macro(t3, 0) macro(t4, 4) macro(t5, 8) macro(s4, 12) macro(s5, 16) macro(s6, 20)
#define TK_RV32_ADD_BIAS(sum, at) "add " #sum ", " #sum ", t6\n"
#define TK_RV32_ADD_SUM(sum, at) "lw t6, 104+" #at "(t1)\n" TK_RV32_ADD_BIAS(sum, at)
#define TK_RV32_KEEP_SUM(sum, at) "sw " #sum ", 104+" #at "(t1)\n"

/* A sum becomes an output at a6, which moves on to the next pixel, with low, high, stride in s10, s11, a5. */
#define TK_RV32_TO_OUTPUT(sum) TK_RV32_CLAMP(sum, s10, s11) "sb " #sum ", 0(a6)\n" "add a6, a6, a5\n"
#define TK_RV32_ONE_ONCE(sum, at) TK_RV32_ONCE(sum, s7, s8, s9) TK_RV32_TO_OUTPUT(sum)
#define TK_RV32_ONE_TWICE(sum, at) TK_RV32_TWICE(sum, s7, s8, s9, t6) TK_RV32_TO_OUTPUT(sum)

#define TK_RV32_SIX_PIXELS(name, finish)                                             \
    TK_RV32_FUNCTION void name(TK_UNUSED tk_six_pixels_rv32 *six) {                  \
        __asm volatile(TK_RV32_SAVE                                          \
                       "mv a3, a0\n"                                                 \
                       "2:\n" /* four channels */                                    \
                       "lw a0, 0(a3)\n"                                              \
                       "lw a2, 16(a3)\n"                                             \
                       "sw zero, 200(a3)\n"                                          \
                       "3:\n" /* a part */                                           \
                       "lw a1, 4(a3)\n"                                              \
                       "lw a4, 20(a3)\n"                                             \
                       "bge a2, a4, 1f\n"                                            \
                       "mv a4, a2\n"                                                 \
                       "1:\n"                                                        \
                       "sub a2, a2, a4\n" /* columns left */                         \
                       "slli t2, a4, 4\n"                                            \
                       "add t2, t2, a0\n" /* where the part ends */                  \
                       "neg a4, a4\n"                                                \
                       "andi a4, a4, 3\n" /* columns that the first round skips */   \
                       "slli a5, a4, 2\n"                                            \
                       "sub a1, a1, a5\n"                                            \
                       "slli a5, a4, 4\n"                                            \
                       "sub a0, a0, a5\n"                                            \
                       "lla t0, 4f\n"                                                \
                       "lla t1, 5f\n"                                                \
                       "sub t1, t1, t0\n"                                            \
                       "mul a4, a4, t1\n"                                            \
                       "add a4, a4, t0\n"                                            \
                       "li s0, 0\n"                                                  \
                       "li s1, 0\n"                                                  \
                       "li s2, 0\n"                                                  \
                       "li s3, 0\n"                                                  \
                       "li s4, 0\n"                                                  \
                       "li s5, 0\n"                                                  \
                       "li s6, 0\n"                                                  \
                       "li s7, 0\n"                                                  \
                       "li s8, 0\n"                                                  \
                       "li s9, 0\n"                                                  \
                       "li s10, 0\n"                                                 \
                       "li s11, 0\n"                                                 \
                       "li a6, 0\n"                                                  \
                       "li a7, 0\n"                                                  \
                       "li t0, 0\n"                                                  \
                       "li t1, 0\n"                                                  \
                       "jr a4\n"                                                     \
                       "4:\n"                                                        \
                       TK_RV32_COLUMN(0, 4, 8, 12, 0, 1, 2, 3)                       \
                       "5:\n"                                                        \
                       TK_RV32_COLUMN(16, 20, 24, 28, 4, 5, 6, 7)                    \
                       TK_RV32_COLUMN(32, 36, 40, 44, 8, 9, 10, 11)                  \
                       ::: "memory");                                                \
        /* a string holds 4095 characters at most */                                 \
        __asm volatile(                                                              \
                       TK_RV32_COLUMN(48, 52, 56, 60, 12, 13, 14, 15)                \
                       "addi a0, a0, 64\n"                                           \
                       "addi a1, a1, 16\n"                                           \
                       "bne a0, t2, 4b\n"                                            \
                       "sw a1, 4(a3)\n"                                              \
                       "sw s0, 40(a3)\n"                                             \
                       "sw s1, 44(a3)\n"                                             \
                       "sw s2, 48(a3)\n"                                             \
                       "sw s3, 52(a3)\n"                                             \
                       "sw s4, 56(a3)\n"                                             \
                       "sw s5, 60(a3)\n"                                             \
                       "sw s6, 64(a3)\n"                                             \
                       "sw s7, 68(a3)\n"                                             \
                       "sw s8, 72(a3)\n"                                             \
                       "sw s9, 76(a3)\n"                                             \
                       "sw s10, 80(a3)\n"                                            \
                       "sw s11, 84(a3)\n"                                            \
                       "sw a6, 88(a3)\n"                                             \
                       "sw a7, 92(a3)\n"                                             \
                       "sw t0, 96(a3)\n"                                             \
                       "sw t1, 100(a3)\n"                                            \
                       "mv t0, a3\n"                                                 \
                       "mv t1, a3\n"                                                 \
                       "lw a1, 8(a3)\n"                                              \
                       "lw a4, 24(a3)\n"                                             \
                       "lw a5, 28(a3)\n"                                             \
                       "lw s10, 32(a3)\n"                                            \
                       "lw s11, 36(a3)\n"                                            \
                       "lw a7, 200(a3)\n"                                            \
                       "addi t2, a3, 64\n"                                           \
                       "6:\n" /* a row */                                            \
                       "lw s0, 40(t0)\n"                                             \
                       "lw s1, 44(t0)\n"                                             \
                       "lw s2, 48(t0)\n"                                             \
                       "lw s3, 52(t0)\n"                                             \
                       TK_RV32_SPLIT(s0, s1, t3, t4, t5)                             \
                       TK_RV32_SPLIT(s2, s3, s4, s5, s6)                             \
                       "bnez a7, 7f\n"                                               \
                       "lw t6, 0(a1)\n"                                              \
                       TK_RV32_FOR_SIX(TK_RV32_ADD_BIAS)                             \
                       "bnez a2, 8f\n"                                               \
                       "11:\n"                                                       \
                       "lw s7, 4(a1)\n"                                              \
                       "lw s8, 8(a1)\n"                                              \
                       "lw s9, 12(a1)\n"                                             \
                       "mv a6, a4\n"                                                 \
                       ::: "memory");                                                \
        __asm volatile(                                                              \
                       TK_RV32_FOR_SIX(finish)                                       \
                       "addi a1, a1, 16\n"                                           \
                       "addi a4, a4, 1\n"                                            \
                       "lw t6, 12(a3)\n"                                             \
                       "beq a1, t6, 10f\n"                                           \
                       "addi t0, t0, 16\n"                                           \
                       "addi t1, t1, 24\n"                                           \
                       "bne t0, t2, 6b\n"                                            \
                       "sw a1, 8(a3)\n"                                              \
                       "sw a4, 24(a3)\n"                                             \
                       "j 2b\n"                                                      \
                       "7:\n" /* add the sums of earlier parts */                    \
                       TK_RV32_FOR_SIX(TK_RV32_ADD_SUM)                              \
                       "beqz a2, 11b\n"                                              \
                       "8:\n" /* keep the sums for later parts */                    \
                       TK_RV32_FOR_SIX(TK_RV32_KEEP_SUM)                             \
                       "addi a1, a1, 16\n"                                           \
                       "addi t0, t0, 16\n"                                           \
                       "addi t1, t1, 24\n"                                           \
                       "bne t0, t2, 6b\n"                                            \
                       "sw a3, 200(a3)\n"                                            \
                       "j 3b\n"                                                      \
                       "10:\n"                                                       \
                       TK_RV32_RESTORE                                               \
                       ::: "memory");                                                \
    }
/* clang-format on */
TK_RV32_SIX_PIXELS(tk_six_pixels_once_rv32, TK_RV32_ONE_ONCE)
TK_RV32_SIX_PIXELS(tk_six_pixels_twice_rv32, TK_RV32_ONE_TWICE)

#else

/* Twin of what the assembly does to one row of one part. */
TK_INLINE void tk_add_row_rv32(const uint32_t *x, const int8_t *weight, int32_t columns, int32_t *sums) {
    for (int32_t half = 0; half < 2; ++half, sums += 3) {
        uint32_t pq = 0, rq = 0;
        for (int32_t k = 0; k < columns; ++k) {
            const uint32_t w = (uint32_t)(int32_t)weight[TK_ROWS_RV32 * k];
            pq += x[TK_WORDS_RV32 * k + 2 * half] * w;
            rq += x[TK_WORDS_RV32 * k + 2 * half + 1] * w;
        }
        const int32_t r = (int32_t)(rq << 11) >> 11;
        const uint32_t q21 = rq - (uint32_t)r; /* 2^21 * Q */
        const int32_t p = (int32_t)((pq << 10) - q21) >> 10;
        sums[0] += p;
        sums[1] += (int32_t)(pq - (uint32_t)p) >> 11;
        sums[2] += r;
    }
}

TK_INLINE void tk_six_pixels_twin_rv32(const tk_six_pixels_rv32 *six, int32_t twice) {
    const int32_t channels = (int32_t)(six->channel_end - six->channel);
    for (int32_t o = 0; o < channels; ++o) {
        const tk_channel_rv32 *const c = six->channel + o;
        const int8_t *weight = six->weight + o / TK_ROWS_RV32 * TK_ROWS_RV32 * six->depth + o % TK_ROWS_RV32;
        int32_t sums[TK_PIXELS_RV32] = {c->bias, c->bias, c->bias, c->bias, c->bias, c->bias};
        for (int32_t at = 0; at < six->depth; at += six->part) {
            tk_add_row_rv32(six->x + TK_WORDS_RV32 * at, weight + TK_ROWS_RV32 * at,
                            tk_min(six->part, six->depth - at), sums);
        }
        for (int32_t k = 0; k < TK_PIXELS_RV32; ++k) {
            six->output[k * six->stride + o] = tk_finish_one_rv32(sums[k], c, six->low, six->high, twice);
        }
    }
}
TK_RV32_FUNCTION void tk_six_pixels_once_rv32(tk_six_pixels_rv32 *six) { tk_six_pixels_twin_rv32(six, 0); }
TK_RV32_FUNCTION void tk_six_pixels_twice_rv32(tk_six_pixels_rv32 *six) { tk_six_pixels_twin_rv32(six, 1); }

#endif

#endif
