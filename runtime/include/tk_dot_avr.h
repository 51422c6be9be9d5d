/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DOT_AVR_H
#define TK_DOT_AVR_H

#include "tk.h"

/* acc + the sum of x[k] * w[k]. No weight is -128, so two products fit in 16 bits; their sum is then widened. */
static TK_NOINLINE TK_UNUSED int32_t tk_dot_s8_avr(const int8_t *x, const TK_ROM int8_t *w, uint16_t depth,
                                                   int32_t acc) {
    uint16_t pairs = depth / 2;
#if defined(__AVR_HAVE_MUL__) && defined(__AVR_HAVE_LPMX__) && defined(__FLASH)
    int8_t value, weight;
    int16_t sum;
    if (pairs) { /* 28 cycles a pair, 46 as GCC 5.4 writes the loop below */
        __asm volatile("0: ld %[value], %a[x]+\n\t"
                       "lpm %[weight], %a[w]+\n\t"
                       "muls %[value], %[weight]\n\t"
                       "movw %[sum], r0\n\t"
                       "ld %[value], %a[x]+\n\t"
                       "lpm %[weight], %a[w]+\n\t"
                       "muls %[value], %[weight]\n\t"
                       "add %A[sum], r0\n\t"
                       "adc %B[sum], r1\n\t"
                       "mov r0, %B[sum]\n\t"
                       "lsl r0\n\t"
                       "sbc r0, r0\n\t"
                       "add %A[acc], %A[sum]\n\t"
                       "adc %B[acc], %B[sum]\n\t"
                       "adc %C[acc], r0\n\t"
                       "adc %D[acc], r0\n\t"
                       "sbiw %[pairs], 1\n\t"
                       "brne 0b\n\t"
                       "clr r1"
                       : [x] "+x"(x), [w] "+z"(w), [pairs] "+w"(pairs), [acc] "+r"(acc), [sum] "=&r"(sum),
                         [value] "=&d"(value), [weight] "=&d"(weight)::"memory");
    }
#else
    for (; pairs; --pairs) {
        int16_t sum = (int16_t)(*x++ * *w++);
        sum = (int16_t)(sum + *x++ * *w++);
        acc += sum;
    }
#endif
    return depth % 2 ? acc + *x * *w : acc;
}

/* All output channels of one column of inputs; returns where the next ones go. */
TK_INLINE int8_t *tk_channels_s8_avr(const int8_t *x, const TK_ROM int8_t *weight, const TK_ROM int32_t *bias,
                                     const tk_requant_s8 *requant, int8_t *output, uint16_t depth,
                                     uint16_t channels) {
    for (uint16_t o = 0; o < channels; ++o, weight += depth) {
        *output++ = tk_requantize_s8(tk_dot_s8_avr(x, weight, depth, bias[o]), o, requant);
    }
    return output;
}

#endif
