/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_RV32_H
#define TK_RV32_H

#include "tk.h"

/* RV32IM has 31 registers, a multiply for the lower and one for the upper word, loads of signed bytes with an offset,
 * and no SIMD. What its kernels share: sums become outputs. */

#if defined(__riscv) && __riscv_xlen == 32 && (defined(__riscv_mul) || defined(__riscv_m))
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

/* What the assembly does with one sum, bias included. */
TK_INLINE int8_t tk_finish_one_rv32(int32_t sum, const tk_channel_rv32 *c, int32_t low, int32_t high, int32_t twice) {
    const int64_t product = (int64_t)(twice ? 2 * sum : sum) * c->multiplier;
    int32_t scaled = (int32_t)(product >> 32);
    if (twice) {
        scaled += (int32_t)((uint32_t)product >> 31);
        scaled += scaled >> 31;
    }
    return (int8_t)tk_clamp((scaled + c->constant) >> c->shift, low, high);
}

#endif
