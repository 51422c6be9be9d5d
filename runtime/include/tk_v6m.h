/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_V6M_H
#define TK_V6M_H

#include "tk.h"

/* Armv6-M (Cortex-M0, M0+) has eight registers that compute, a multiply that keeps 32 bits, and loads of signed bytes
 * without an offset. What its kernels share: sums become outputs. */

#if defined(__ARM_ARCH_6M__)
#define TK_HAS_V6M
#define TK_V6M_FUNCTION static __attribute__((naked)) TK_NOINLINE TK_UNUSED
#else
#define TK_V6M_FUNCTION static TK_NOINLINE TK_UNUSED
#endif

/* How sums become outputs. `table` has two words per channel: the multiplier, and 256 * bias + shift, where shift is
 * what is left after the product's high word, or with double rounding after its high 33 bits: 1 .. 31. Sums stay below
 * 2^29. The kernels' assembly knows these offsets. */
typedef struct {
    const int32_t *table; /* 0 */
    int32_t zero;         /* 4: zero point - low */
    uint32_t range;       /* 8: high - low */
    int32_t low;          /* 12 */
} tk_finish_v6m;

#ifdef TK_HAS_V6M

/* The next entry of the table: r2 = bias, r3 and r4 = upper and lower half of the multiplier, r5 = shift in its low
 * byte, r6 = zero. `r7` points to a tk_finish_v6m, whose table moves on. */
#define TK_V6M_NEXT_CHANNEL \
    "ldr r2, [r7, #0]\n"    \
    "ldmia r2!, {r4, r5}\n" \
    "str r2, [r7, #0]\n"    \
    "lsrs r3, r4, #16\n"    \
    "uxth r4, r4\n"         \
    "asrs r2, r5, #8\n"     \
    "ldr r6, [r7, #4]\n"

/* r0 = the sum times the multiplier, / 2^32, and r2 = the fraction's upper bits: (r0 + r2 / 2^16) / 2^32 of it. From
 * four products of 16-bit halves, none of which overflows. Spoils r1. */
#define TK_V6M_MULTIPLY  \
    "sxth r1, r0\n"      \
    "subs r0, r0, r1\n"  \
    "asrs r0, r0, #16\n" \
    "movs r2, r1\n"      \
    "muls r2, r4, r2\n"  \
    "asrs r2, r2, #16\n" \
    "muls r1, r3, r1\n"  \
    "adds r2, r2, r1\n"  \
    "movs r1, r0\n"      \
    "muls r1, r4, r1\n"  \
    "adds r2, r2, r1\n"  \
    "muls r0, r3, r0\n"

/* A shift leaves the last bit it dropped in the carry: added with the zero point, it rounds half up. */
#define TK_V6M_ONCE      \
    TK_V6M_MULTIPLY      \
    "asrs r2, r2, #16\n" \
    "adds r0, r0, r2\n"  \
    "asrs r0, r5\n"      \
    "adcs r0, r6\n"

#define TK_V6M_TWICE     \
    TK_V6M_MULTIPLY      \
    "adds r0, r0, r0\n"  \
    "asrs r2, r2, #15\n" \
    "adcs r0, r2\n"      \
    "asrs r1, r0, #31\n" \
    "adds r0, r0, r1\n"  \
    "asrs r0, r5\n"      \
    "adcs r0, r6\n"

/* r0 = r0 kept within 0 .. range, + low. Spoils r1, r2. */
#define TK_V6M_CLAMP      \
    "ldr r1, [r7, #8]\n"  \
    "cmp r0, r1\n"        \
    "bls 1f\n"            \
    "asrs r0, r0, #31\n"  \
    "bics r1, r0\n"       \
    "movs r0, r1\n"       \
    "1:\n"                \
    "ldr r1, [r7, #12]\n" \
    "adds r0, r0, r1\n"

#define TK_V6M_SAVE      \
    ".syntax unified\n"  \
    "push {r4-r7, lr}\n" \
    "mov r4, r8\n"       \
    "mov r5, r9\n"       \
    "mov r6, r10\n"      \
    "mov r7, r11\n"      \
    "push {r4-r7}\n"

#define TK_V6M_RESTORE \
    "pop {r4-r7}\n"    \
    "mov r8, r4\n"     \
    "mov r9, r5\n"     \
    "mov r10, r6\n"    \
    "mov r11, r7\n"    \
    "pop {r4-r7, pc}\n"

/* Copy `bytes` bytes, four words at a time where both ends are aligned. */
TK_V6M_FUNCTION void tk_copy_v6m(TK_UNUSED int8_t *to, TK_UNUSED const int8_t *from,
                                 TK_UNUSED int32_t bytes) {
    __asm volatile(".syntax unified\n"
                   "push {r4-r6, lr}\n"
                   "movs r3, r0\n"
                   "orrs r3, r1\n"
                   "lsls r3, r3, #30\n"
                   "bne 2f\n"
                   "b 1f\n"
                   "0:\n"
                   "ldmia r1!, {r3-r6}\n"
                   "stmia r0!, {r3-r6}\n"
                   "1:\n"
                   "subs r2, #16\n"
                   "bpl 0b\n"
                   "adds r2, #16\n"
                   "2:\n"
                   "cmp r2, #0\n"
                   "beq 4f\n"
                   "3:\n"
                   "ldrb r3, [r1]\n"
                   "strb r3, [r0]\n"
                   "adds r0, #1\n"
                   "adds r1, #1\n"
                   "subs r2, #1\n"
                   "bne 3b\n"
                   "4:\n"
                   "pop {r4-r6, pc}\n" ::
                       : "memory");
}

#else

TK_INLINE void tk_copy_v6m(int8_t *to, const int8_t *from, int32_t bytes) {
    for (int32_t i = 0; i < bytes; ++i) to[i] = from[i];
}

/* Twin of what the assembly does with one sum, for the channel at `table`. */
TK_INLINE int8_t tk_finish_one_v6m(int32_t sum, const int32_t *table, const tk_finish_v6m *f, int32_t twice) {
    const int32_t acc = sum + (table[1] >> 8), shift = table[1] & 255;
    const int32_t scaled =
        twice ? tk_requantize_double(acc, table[0], shift + 31) : tk_requantize(acc, table[0], shift + 32);
    return (int8_t)(tk_clamp(scaled + f->zero, 0, (int32_t)f->range) + f->low);
}

#endif

#endif
