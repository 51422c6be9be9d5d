/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_NEURONS_DSP_H
#define TK_NEURONS_DSP_H

#include "tk_dsp.h"
#include "tk_fire.h"
#include "tk_integrate.h"

/* Two neurons in one word. Thresholds fit int16. */

/* Where a lane of v has reached `level`: that of `then`, or, `then` being the difference itself, v - level; else v's. */
TK_INLINE uint32_t tk_reset2(uint32_t v, uint32_t level, int32_t subtract, uint32_t then) {
#ifdef TK_HAS_DSP
    uint32_t kept;
    if (subtract) {
        __asm("ssub16 %0, %1, %2\n\tsel %0, %0, %1" : "=&r"(kept) : "r"(v), "r"(level) : "cc");
    } else {
        __asm("ssub16 %0, %1, %2\n\tsel %0, %3, %1" : "=&r"(kept) : "r"(v), "r"(level), "r"(then) : "cc");
    }
    return kept;
#else
    uint32_t kept = 0;
    for (int high = 0; high < 2; ++high) {
        const int32_t lane = tk_lane(v, high), least = tk_lane(level, high);
        const int32_t after = lane < least ? lane : subtract ? lane - least : tk_lane(then, high);
        kept |= ((uint32_t)after & 0xffffu) << 16 * high;
    }
    return kept;
#endif
}

/* As tk_integrate_s16 without a rise; reset is not 3. */
TK_KERNEL void tk_integrate_s16_dsp(const int16_t *input, const int16_t *v, const tk_neuron_s16 *neuron,
                                    int16_t *output, int32_t size) {
    const uint32_t level = (uint32_t)neuron->threshold * 0x10001u;
    const uint32_t then = ((uint32_t)neuron->v_reset & 0xffffu) * 0x10001u;
    const uint32_t factors = ((uint32_t)neuron->decay & 0xffffu) | (uint32_t)neuron->gain << 16;
    int32_t i = 0;
    for (; i + 2 <= size; i += 2) {
        const uint32_t x = tk_load2(input + i), before = tk_load2(v + i);
        const uint32_t kept = neuron->reset ? tk_reset2(before, level, neuron->reset == 2, then) : before;
        const int32_t first = tk_smlad((kept & 0xffffu) | x << 16, factors, neuron->offset);
        const int32_t second = tk_smlad(kept >> 16 | (x & 0xffff0000u), factors, neuron->offset);
#ifdef TK_HAS_DSP
        if (neuron->shift == 14) { /* the most frequent one, in the same instruction */
            int32_t low, high;
            __asm("ssat %0, #16, %1, asr #14" : "=r"(low) : "r"(first));
            __asm("ssat %0, #16, %1, asr #14" : "=r"(high) : "r"(second));
            tk_store2(output + i, ((uint32_t)low & 0xffffu) | (uint32_t)high << 16);
            continue;
        }
#endif
        output[i] = tk_saturated_s16(first >> neuron->shift);
        output[i + 1] = tk_saturated_s16(second >> neuron->shift);
    }
    if (i < size) tk_integrate_s16(input + i, v + i, 0, neuron, output + i, 1);
}

/* As tk_fire_s16 without a rise. */
TK_KERNEL void tk_fire_s16_dsp(const int16_t *v, int32_t threshold, int8_t *output, int32_t size) {
    int32_t i = 0;
    for (; i + 4 <= size; i += 4) {
        uint32_t two[2];
        for (int32_t k = 0; k < 2; ++k) {
            const uint32_t word = tk_load2(v + i + 2 * k);
#ifdef TK_HAS_DSP
            __asm("ssub16 %0, %1, %2\n\tsel %0, %3, %4"
                  : "=&r"(two[k])
                  : "r"(word), "r"((uint32_t)threshold * 0x10001u), "r"(0x00010001u), "r"(0u)
                  : "cc");
#else
            two[k] = (uint32_t)(tk_lane(word, 0) >= threshold) | (uint32_t)(tk_lane(word, 1) >= threshold)
                                                                     << 16;
#endif
            two[k] |= two[k] >> 8; /* both in the lower half */
        }
        const uint32_t four = (two[0] & 0xffffu) | two[1] << 16;
        __builtin_memcpy(output + i, &four, 4);
    }
    if (i < size) tk_fire_s16(v + i, 0, threshold, output + i, size - i);
}

#endif
