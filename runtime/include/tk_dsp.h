/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DSP_H
#define TK_DSP_H

#include "tk.h"

/* The Armv7E-M instructions that the _dsp kernels are made of, and the same in C for every other machine, so that
 * those kernels run (and are tested) anywhere. A word holds two 16-bit lanes. */

#ifdef TK_HAS_DSP
#include <arm_acle.h>

/* A function that is assembly alone and takes its arguments as the calling convention says: no compiler may change it. */
#define TK_ASSEMBLY static __attribute__((naked, unused)) TK_NOINLINE

/* Sign-extend bytes 0 and 2 to the lanes. */
TK_INLINE uint32_t tk_sxtb16(uint32_t x) { return (uint32_t)__sxtb16((int8x4_t)x); }
/* Sign-extend bytes 1 and 3 to the lanes. */
TK_INLINE uint32_t tk_sxtb16_odd(uint32_t x) {
    uint32_t y;
    __asm("sxtb16 %0, %1, ror #8" : "=r"(y) : "r"(x));
    return y;
}
/* acc + low lane * low lane + high lane * high lane */
TK_INLINE int32_t tk_smlad(uint32_t a, uint32_t b, int32_t acc) {
    return __smlad((int16x2_t)a, (int16x2_t)b, acc);
}
/* (x rotated right by `bits`) & mask, in one instruction. */
#define TK_AND_ROR(mask, x, bits)                                                   \
    (__extension__({                                                                \
        uint32_t tk_result;                                                         \
        __asm("and %0, %1, %2, ror #" #bits : "=r"(tk_result) : "r"(mask), "r"(x)); \
        tk_result;                                                                  \
    }))
#else
TK_INLINE int32_t tk_lane(uint32_t x, int high) {
    const uint32_t lane = (high ? x >> 16 : x) & 0xFFFFu;
    return (int32_t)lane - (lane & 0x8000u ? 0x10000 : 0);
}
TK_INLINE uint32_t tk_sxtb16(uint32_t x) {
    const uint32_t low = x & 0xFFu, high = (x >> 16) & 0xFFu;
    return (low & 0x80u ? low | 0xFF00u : low) | ((high & 0x80u ? high | 0xFF00u : high) << 16);
}
TK_INLINE uint32_t tk_sxtb16_odd(uint32_t x) { return tk_sxtb16(x >> 8); }
TK_INLINE int32_t tk_smlad(uint32_t a, uint32_t b, int32_t acc) {
    const uint32_t low = (uint32_t)(tk_lane(a, 0) * tk_lane(b, 0));
    const uint32_t high = (uint32_t)(tk_lane(a, 1) * tk_lane(b, 1));
    return (int32_t)((uint32_t)acc + low + high); /* modulo 2^32, as the instruction */
}
TK_INLINE uint32_t tk_ror(uint32_t x, int bits) { return bits ? (x >> bits) | (x << (32 - bits)) : x; }
#define TK_AND_ROR(mask, x, bits) (tk_ror(x, bits) & (mask))
#endif

/* Load four bytes from any address, lowest byte first. */
TK_INLINE uint32_t tk_load4(const int8_t *p) {
#if defined(__ARM_FEATURE_UNALIGNED) && !defined(__ARM_BIG_ENDIAN)
    uint32_t word;
    __builtin_memcpy(&word, p, 4);
    return word;
#else
    return (uint32_t)(uint8_t)p[0] | (uint32_t)(uint8_t)p[1] << 8 | (uint32_t)(uint8_t)p[2] << 16 |
           (uint32_t)(uint8_t)p[3] << 24;
#endif
}

/* Load and store two 16-bit lanes at any address of an int16. */
TK_INLINE uint32_t tk_load2(const int16_t *p) {
    uint32_t word;
    __builtin_memcpy(&word, p, 4);
    return word;
}
TK_INLINE void tk_store2(int16_t *p, uint32_t word) { __builtin_memcpy(p, &word, 4); }

/* The high row of a two-row sum: combined = 256 * high + low, exact modulo 2^32 while |high| < 2^23. */
TK_INLINE int32_t tk_high_row(int32_t combined, int32_t low) {
    return (int32_t)((uint32_t)combined - (uint32_t)low) >> 8;
}

#endif
