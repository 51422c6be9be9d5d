/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_COPY_DSP_H
#define TK_COPY_DSP_H

#include "tk_dsp.h"

/* Copy `count` bytes; `to` may lie below `from` and overlap it. Returns the end of what was written. */
static TK_NOINLINE TK_UNUSED int8_t *tk_copy_dsp(const int8_t *from, int32_t count, int8_t *to) {
#ifdef TK_HAS_DSP
    const int8_t *end = from + (count & ~15); /* words one by one, as they need not be aligned */
    if (count >= 16) {
        __asm volatile("1:\n\t"
                       "ldr.w r0, [%[from]], #16\n\t"
                       "ldr r1, [%[from], #-12]\n\t"
                       "ldr r2, [%[from], #-8]\n\t"
                       "ldr r3, [%[from], #-4]\n\t"
                       "str.w r0, [%[to]], #16\n\t"
                       "str r1, [%[to], #-12]\n\t"
                       "str r2, [%[to], #-8]\n\t"
                       "str r3, [%[to], #-4]\n\t"
                       "cmp %[from], %[end]\n\t"
                       "bne 1b"
                       : [from] "+&r"(from), [to] "+&r"(to)
                       : [end] "r"(end)
                       : "r0", "r1", "r2", "r3", "cc", "memory");
    }
    count &= 15;
    for (; count >= 4; count -= 4) {
        __asm volatile("ldr.w r0, [%[from]], #4\n\t"
                       "str.w r0, [%[to]], #4"
                       : [from] "+&r"(from), [to] "+&r"(to)
                       :
                       : "r0", "memory");
    }
#endif
    TK_ROLLED for (int32_t i = 0; i < count; ++i) to[i] = from[i];
    return to + count;
}

/* Set `count` bytes to `value`. Returns their end. */
static TK_NOINLINE TK_UNUSED int8_t *tk_fill_dsp(int8_t *to, int32_t value, int32_t count) {
#ifdef TK_HAS_DSP
    const uint32_t word = ((uint32_t)value & 0xFFu) * 0x01010101u;
    for (; count >= 4; count -= 4) {
        __asm volatile("str.w %[word], [%[to]], #4" : [to] "+&r"(to) : [word] "r"(word) : "memory");
    }
#endif
    TK_ROLLED for (int32_t i = 0; i < count; ++i) to[i] = (int8_t)value;
    return to + count;
}

#endif
