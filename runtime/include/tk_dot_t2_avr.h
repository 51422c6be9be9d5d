/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DOT_T2_AVR_H
#define TK_DOT_T2_AVR_H

#include "tk_ternary.h"

#define TK_T2_AVR_PART 127 /* columns whose products, of 0, 1 or 2 with an input, 16 bits hold */

/* As tk_dot_t2: add to sums[0 .. 3] what code * x sums to in a group's rows. */
static TK_NOINLINE TK_UNUSED void tk_dot_t2_avr(const int8_t *x, const TK_ROM uint8_t *group, uint16_t depth,
                                                int32_t *sums) {
    while (depth) {
        uint8_t count = (uint8_t)(depth < TK_T2_AVR_PART ? depth : TK_T2_AVR_PART);
        int16_t a = 0, b = 0, c = 0, d = 0;
        depth = (uint16_t)(depth - count);
#if defined(__AVR_HAVE_MUL__) && defined(__AVR_HAVE_LPMX__) && defined(__FLASH)
        int8_t value;
        uint8_t codes, code;
        __asm volatile(
            "0: ld %[value], %a[x]+\n\t" /* 36 cycles for four products */
            "lpm %[codes], %a[group]+\n\t"
            "mov %[code], %[codes]\n\t"
            "andi %[code], 3\n\t"
            "mulsu %[value], %[code]\n\t"
            "add %A[a], r0\n\t"
            "adc %B[a], r1\n\t"
            "lsr %[codes]\n\t"
            "lsr %[codes]\n\t"
            "mov %[code], %[codes]\n\t"
            "andi %[code], 3\n\t"
            "mulsu %[value], %[code]\n\t"
            "add %A[b], r0\n\t"
            "adc %B[b], r1\n\t"
            "lsr %[codes]\n\t"
            "lsr %[codes]\n\t"
            "mov %[code], %[codes]\n\t"
            "andi %[code], 3\n\t"
            "mulsu %[value], %[code]\n\t"
            "add %A[c], r0\n\t"
            "adc %B[c], r1\n\t"
            "lsr %[codes]\n\t"
            "lsr %[codes]\n\t"
            "mulsu %[value], %[codes]\n\t"
            "add %A[d], r0\n\t"
            "adc %B[d], r1\n\t"
            "dec %[count]\n\t"
            "brne 0b\n\t"
            "clr r1"
            : [x] "+x"(x), [group] "+z"(group), [count] "+r"(count), [a] "+r"(a), [b] "+r"(b), [c] "+r"(c),
              [d] "+r"(d), [value] "=&a"(value), [codes] "=&a"(codes), [code] "=&a"(code)::"memory");
#else
        for (; count; --count) {
            const int16_t value = *x++;
            const uint8_t codes = *group++;
            a = (int16_t)(a + (codes & 3) * value);
            b = (int16_t)(b + (codes >> 2 & 3) * value);
            c = (int16_t)(c + (codes >> 4 & 3) * value);
            d = (int16_t)(d + (codes >> 6) * value);
        }
#endif
        sums[0] += a;
        sums[1] += b;
        sums[2] += c;
        sums[3] += d;
    }
}

/* All output channels of one column of inputs; returns where the next ones go. */
TK_INLINE int8_t *tk_channels_t2_avr(const int8_t *x, const TK_ROM uint8_t *weight,
                                     const TK_ROM int32_t *bias, const tk_requant_s8 *requant, int8_t *output,
                                     uint16_t depth, uint16_t channels) {
    int32_t sum = 0;
    for (uint16_t k = 0; k < depth; ++k) sum += x[k];
    for (uint16_t o = 0; o < channels; weight += depth) {
        int32_t sums[TK_T2_ROWS] = {-sum, -sum, -sum, -sum};
        tk_dot_t2_avr(x, weight, depth, sums);
        for (uint8_t i = 0; i < TK_T2_ROWS && o < channels; ++i, ++o) {
            *output++ = tk_requantize_s8(bias[o] + sums[i], o, requant);
        }
    }
    return output;
}

#endif
