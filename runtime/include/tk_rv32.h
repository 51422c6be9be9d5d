/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RV32_H
#define TK_RV32_H

#include "tk.h"

/* RV32IM has 31 registers, a multiply for the lower and one for the upper word, loads of signed bytes with an offset,
 * and no SIMD. What its kernels share: sums become outputs. */

#if defined(__riscv_mul) && __riscv_xlen == 32 && !defined(__riscv_32e)
#define TK_HAS_RV32
#define TK_RV32_FUNCTION static __attribute__((naked)) TK_NOINLINE TK_UNUSED
#else
#define TK_RV32_FUNCTION static TK_NOINLINE TK_UNUSED
#endif

/* How a channel's sums become outputs: (high word of (sum + bias) * multiplier, + constant) >> shift, where `constant`
 * holds what rounds and the zero point. With double rounding it is the product's high 33 bits, rounded. Sums with bias
 * stay below 2^29, shift is 1 .. 20. */
typedef struct {
    int32_t bias, multiplier, constant, shift;
} tk_channel_rv32;

typedef struct {
    const tk_channel_rv32 *channels;
    int32_t low, high;
} tk_finish_rv32;

/* What becomes of one sum, bias included; the assembly does the same. */
TK_INLINE int8_t tk_finish_one_rv32(int32_t sum, const tk_channel_rv32 *c, int32_t low, int32_t high,
                                    int32_t twice) {
    const int64_t product = (int64_t)(twice ? 2 * sum : sum) * c->multiplier;
    int32_t scaled = (int32_t)(product >> 32);
    if (twice) {
        scaled += (int32_t)((uint32_t)product >> 31);
        scaled += scaled >> 31;
    }
    return (int8_t)tk_clamp((scaled + c->constant) >> c->shift, low, high);
}

TK_INLINE int32_t tk_sum_rv32(const int8_t *x, int32_t count) {
    const int8_t *const end = x + count, *const fours = x + (count & ~3);
    int32_t sum = 0;
    for (; x != fours; x += 4) sum += x[0] + x[1] + x[2] + x[3];
    TK_ROLLED
    for (; x != end; ++x) sum += *x;
    return sum;
}

#ifdef TK_HAS_RV32

/* `sum`, bias included, times the multiplier, plus the constant, shifted. */
#define TK_RV32_ONCE(sum, multiplier, constant, shift) \
    "mulh " #sum ", " #sum ", " #multiplier "\n"       \
    "add " #sum ", " #sum ", " #constant "\n"          \
    "sra " #sum ", " #sum ", " #shift "\n"

/* The same with double rounding; spoils `t`. */
#define TK_RV32_TWICE(sum, multiplier, constant, shift, t) \
    "slli " #sum ", " #sum ", 1\n"                         \
    "mul " #t ", " #sum ", " #multiplier "\n"              \
    "mulh " #sum ", " #sum ", " #multiplier "\n"           \
    "srli " #t ", " #t ", 31\n"                            \
    "add " #sum ", " #sum ", " #t "\n"                     \
    "srai " #t ", " #sum ", 31\n"                          \
    "add " #sum ", " #sum ", " #t "\n"                     \
    "add " #sum ", " #sum ", " #constant "\n"              \
    "sra " #sum ", " #sum ", " #shift "\n"

#define TK_RV32_CLAMP(value, low, high) \
    "bge " #value ", " #low ", 1f\n"    \
    "mv " #value ", " #low "\n"         \
    "1:\n"                              \
    "ble " #value ", " #high ", 1f\n"   \
    "mv " #value ", " #high "\n"        \
    "1:\n"

#define TK_RV32_SAVE     \
    "addi sp, sp, -48\n" \
    "sw s0, 0(sp)\n"     \
    "sw s1, 4(sp)\n"     \
    "sw s2, 8(sp)\n"     \
    "sw s3, 12(sp)\n"    \
    "sw s4, 16(sp)\n"    \
    "sw s5, 20(sp)\n"    \
    "sw s6, 24(sp)\n"    \
    "sw s7, 28(sp)\n"    \
    "sw s8, 32(sp)\n"    \
    "sw s9, 36(sp)\n"    \
    "sw s10, 40(sp)\n"   \
    "sw s11, 44(sp)\n"

#define TK_RV32_RESTORE \
    "lw s0, 0(sp)\n"    \
    "lw s1, 4(sp)\n"    \
    "lw s2, 8(sp)\n"    \
    "lw s3, 12(sp)\n"   \
    "lw s4, 16(sp)\n"   \
    "lw s5, 20(sp)\n"   \
    "lw s6, 24(sp)\n"   \
    "lw s7, 28(sp)\n"   \
    "lw s8, 32(sp)\n"   \
    "lw s9, 36(sp)\n"   \
    "lw s10, 40(sp)\n"  \
    "lw s11, 44(sp)\n"  \
    "addi sp, sp, 48\n" \
    "ret\n"

/* Copy `bytes` bytes, four words at a time where both ends are aligned. */
TK_RV32_FUNCTION void tk_copy_rv32(TK_UNUSED int8_t *to, TK_UNUSED const int8_t *from,
                                   TK_UNUSED int32_t bytes) {
    __asm volatile("add a2, a2, a1\n" /* the end */
                   "or t0, a0, a1\n"
                   "andi t0, t0, 3\n"
                   "bnez t0, 3f\n"
                   "addi a3, a2, -16\n"
                   "bgtu a1, a3, 3f\n"
                   "2:\n"
                   "lw t0, 0(a1)\n"
                   "lw t1, 4(a1)\n"
                   "lw t2, 8(a1)\n"
                   "lw t3, 12(a1)\n"
                   "sw t0, 0(a0)\n"
                   "sw t1, 4(a0)\n"
                   "sw t2, 8(a0)\n"
                   "sw t3, 12(a0)\n"
                   "addi a1, a1, 16\n"
                   "addi a0, a0, 16\n"
                   "bleu a1, a3, 2b\n"
                   "3:\n"
                   "beq a1, a2, 5f\n"
                   "4:\n"
                   "lb t0, 0(a1)\n"
                   "sb t0, 0(a0)\n"
                   "addi a1, a1, 1\n"
                   "addi a0, a0, 1\n"
                   "bne a1, a2, 4b\n"
                   "5:\n"
                   "ret\n" ::
                       : "memory");
}

#else

TK_INLINE void tk_copy_rv32(int8_t *to, const int8_t *from, int32_t bytes) {
    for (int32_t i = 0; i < bytes; ++i) to[i] = from[i];
}

#endif

#endif
