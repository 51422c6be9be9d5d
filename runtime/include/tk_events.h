/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_EVENTS_H
#define TK_EVENTS_H

#include "tk_dsp.h"
#include "tk_requant_wide.h"

/* What kernels share whose work follows spikes: inputs are bytes of 0 and 1. A list names the places of the ones; the
 * weights of each place are added up for a block of channels at a time. Sums lie in 16 bits: the packing side proves that
 * no selection of a channel's weights leaves them. */

#define TK_EVENT_BLOCK \
    8 /* channels of int8 weights that are summed at once: EVENT_BLOCK of toolkit.ops.pack_events */
#define TK_EVENT_BLOCK_T2 16

/* Sums become int16 as tk_finish_wide has it, with a shift of 8 or 1: SHIFTS of toolkit.ops.wide less 16. */
TK_INLINE int32_t tk_event_saturated(int32_t moved, int32_t shift) {
#ifdef TK_HAS_DSP
    int32_t saturated;
    if (shift == 8) {
        __asm("ssat %0, #16, %1, asr #8" : "=r"(saturated) : "r"(moved));
    } else {
        __asm("ssat %0, #16, %1, asr #1" : "=r"(saturated) : "r"(moved));
    }
    return saturated;
#else
    return tk_clamp(moved >> shift, -32768, 32767);
#endif
}

/* The output of a channel whose sum is the lower lane of a word. */
TK_INLINE int32_t tk_event_finish(uint32_t sum, int32_t multiplier, int32_t bias, int32_t shift) {
#ifdef TK_HAS_DSP
    return tk_event_saturated(__smlawb(multiplier, (int32_t)sum, bias), shift);
#else
    return tk_event_saturated((int32_t)((int64_t)multiplier * tk_lane(sum, 0) >> 16) + bias, shift);
#endif
}

/* Outputs of two channels, whose sums are the lanes of a word. */
TK_INLINE uint32_t tk_event_finish2(uint32_t sums, int32_t first, int32_t second, const int32_t *bias,
                                    int32_t shift) {
#ifdef TK_HAS_DSP
    const int32_t high = tk_event_saturated(__smlawt(second, (int32_t)sums, bias[1]), shift);
#else
    const int32_t high = tk_event_finish(sums >> 16, second, bias[1], shift);
#endif
    return ((uint32_t)tk_event_finish(sums, first, bias[0], shift) & 0xffffu) | (uint32_t)high << 16;
}

TK_INLINE uint32_t tk_first_bit(uint32_t word) {
#if defined(__GNUC__) || defined(__clang__)
    return (uint32_t)__builtin_clz(word);
#else
    uint32_t count = 0;
    for (; !(word & 0x80000000u); word <<= 1) ++count;
    return count;
#endif
}

/* Append the places, from `first` on, of the ones among four bytes, the last one first. */
TK_INLINE uint16_t *tk_list_word(uint32_t word, int32_t first, uint16_t *list) {
    for (word &= 0x01010101u; word;) {
        const uint32_t zeros = tk_first_bit(word);
        *list++ = (uint16_t)(first + 3 - (int32_t)(zeros >> 3));
        word &= ~(0x80000000u >> zeros);
    }
    return list;
}

/* Append the places, from `first` on, of the ones among `count` bytes. */
TK_INLINE uint16_t *tk_list_bytes(const int8_t *spikes, int32_t count, int32_t first, uint16_t *list) {
    int32_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const uint32_t low = tk_load4(spikes + i), high = tk_load4(spikes + i + 4);
        if (!(low | high)) continue;
        list = tk_list_word(low, first + i, list);
        list = tk_list_word(high, first + i + 4, list);
    }
    for (; i < count; ++i)
        if (spikes[i] & 1) *list++ = (uint16_t)(first + i);
    return list;
}

/* Set the bits of `count` bytes, 32 to a word, the first the highest: counting zeros finds them in order. */
TK_INLINE void tk_bits_of_bytes(const int8_t *spikes, int32_t count, uint32_t *bits) {
    for (; count >= 32; count -= 32, spikes += 32) {
        uint32_t word = 0;
        for (int32_t k = 0; k < 32;
             k += 4) /* four bytes' bits become a nibble, the first byte's the highest */
            word = word << 4 | (tk_load4(spikes + k) * 0x08040201u >> 24 & 15u);
        *bits++ = word;
    }
    if (count > 0) *bits = 0;
    for (int32_t k = 0; k < count; ++k) *bits |= ((uint32_t)spikes[k] & 1u) << (31 - k);
}

/* Append the places, from `first` on, of the ones among `count` bits, which begin with number `from`; count is not 0. */
TK_INLINE uint16_t *tk_list_bits(const uint32_t *bits, uint32_t from, uint32_t count, uint32_t first,
                                 uint16_t *list) {
    const uint32_t end = from % 32 + count; /* counted from the first word's first bit */
    uint32_t inside = 0xffffffffu >> from % 32;
    bits += from / 32;
    first -= from % 32;
    for (uint32_t at = 0; at < end; at += 32, inside = 0xffffffffu) {
        uint32_t word = *bits++ & inside;
        if (end - at < 32) word &= ~(0xffffffffu >> (end - at));
        while (word) {
            const uint32_t place = tk_first_bit(word);
            *list++ = (uint16_t)(first + at + place);
            word &= ~(0x80000000u >> place);
        }
    }
    return list;
}

/* Add the weights of one place to the sums of eight channels, two in a word. */
#ifdef TK_HAS_DSP
#define TK_ADD_EVENT(at)                                                            \
    __asm("ldrd r8, r9, [%4]\n\t"                                                   \
          "sxtab16 %0, %0, r8\n\t"                                                  \
          "sxtab16 %1, %1, r8, ror #8\n\t"                                          \
          "sxtab16 %2, %2, r9\n\t"                                                  \
          "sxtab16 %3, %3, r9, ror #8"                                              \
          : "+r"(acc[0]), "+r"(acc[1]), "+r"(acc[2]), "+r"(acc[3])                  \
          : "r"(weight + 2 * (at)), "m"(*(const uint32_t(*)[2])(weight + 2 * (at))) \
          : "r8", "r9")
#endif

/* Sums of one block of eight channels, two in a word: `weight` two words for each place. The
 * order of their bytes makes words of neighbours: see toolkit.ops.pack_events. */
TK_INLINE void tk_event_block_s8(const uint16_t *list, const uint16_t *end, const uint32_t *weight,
                                 uint32_t *acc) {
    for (int32_t k = 0; k < 4; ++k) acc[k] = 0;
#ifdef TK_HAS_DSP
    for (; end - list >= 4; list += 4) {
        TK_ADD_EVENT(list[0]);
        TK_ADD_EVENT(list[1]);
        TK_ADD_EVENT(list[2]);
        TK_ADD_EVENT(list[3]);
    }
    for (; list < end; ++list) TK_ADD_EVENT(*list);
#else
    static const uint8_t byte[8] = {0, 2, 1, 3, 4, 6, 5, 7};
    int32_t sums[8];
    for (int32_t k = 0; k < 8; ++k) sums[k] = tk_lane(acc[k / 2], k % 2);
    for (; list < end; ++list) {
        const int8_t *const w = (const int8_t *)(weight + 2 * *list);
        for (int32_t k = 0; k < 8; ++k) sums[k] += w[byte[k]];
    }
    for (int32_t k = 0; k < 4; ++k)
        acc[k] = ((uint32_t)sums[2 * k] & 0xffffu) | (uint32_t)sums[2 * k + 1] << 16;
#endif
}

/* The same of sixteen channels with ternary weights, two bits each, 1 more than the weight: one word for each place. Up to
 * seven of them are summed in fields of four bits, up to eighteen such sums in bytes, and those in the lanes. */
TK_INLINE void tk_event_block_t2(const uint16_t *list, const uint16_t *end, const uint32_t *weight,
                                 uint32_t *acc) {
    const uint32_t codes = 0x33333333u, nibbles = 0x0f0f0f0fu, lanes = 0x00ff00ffu;
    const uint32_t count = ((uint32_t)(end - list) & 0xffffu) * 0x10001u;
    for (int32_t k = 0; k < 8; ++k) acc[k] = 0; /* codes: no carry from lane to lane */
    while (list < end) {
        const uint16_t *const flush = end - list > 126 ? list + 126 : end;
        uint32_t bytes[4] = {0, 0, 0, 0};
        while (list < flush) {
            uint32_t even = 0, odd = 0;
            if (flush - list >= 7) {
                TK_UNROLLED
                for (int32_t k = 0; k < 7; ++k) {
                    const uint32_t word = weight[list[k]];
                    even += word & codes;
                    odd += word >> 2 & codes;
                }
                list += 7;
            } else {
                for (; list < flush; ++list) {
                    const uint32_t word = weight[*list];
                    even += word & codes;
                    odd += word >> 2 & codes;
                }
            }
            bytes[0] += even & nibbles;
            bytes[1] += odd & nibbles;
            bytes[2] += even >> 4 & nibbles;
            bytes[3] += odd >> 4 & nibbles;
        }
        for (int32_t k = 0; k < 4; ++k) {
            acc[k] += bytes[k] & lanes;
            acc[k + 4] += bytes[k] >> 8 & lanes;
        }
    }
    for (int32_t k = 0; k < 8; ++k) {
        const uint32_t low = (acc[k] & 0xffffu) - (count & 0xffffu), high = (acc[k] >> 16) - (count >> 16);
        acc[k] = (low & 0xffffu) | high << 16;
    }
}

/* Sums of a block of eight channels that may leave 16 bits: those of at most 256 places do not. */
TK_INLINE void tk_event_long_block(const uint16_t *list, const uint16_t *end, const uint32_t *weight,
                                   int32_t *sums) {
    for (int32_t k = 0; k < TK_EVENT_BLOCK; ++k) sums[k] = 0;
    while (list < end) {
        const uint16_t *const stop = end - list > 256 ? list + 256 : end;
        uint32_t acc[4];
        tk_event_block_s8(list, stop, weight, acc);
        for (int32_t k = 0; k < TK_EVENT_BLOCK; ++k)
            sums[k] += (int16_t)(uint16_t)(acc[k / 2] >> 16 * (k % 2));
        list = stop;
    }
}

/* All channels of one row of outputs, from a list over `depth` places. `ternary` and `large` are literals: with `large`,
 * of int8 weights, sums may leave 16 bits. */
TK_INLINE void tk_event_row(const uint16_t *list, const uint16_t *end, const uint32_t *weight,
                            const tk_requant_wide *requant, int16_t *output, int32_t depth, int32_t channels,
                            int32_t ternary, int32_t large) {
    const int32_t block = ternary ? TK_EVENT_BLOCK_T2 : TK_EVENT_BLOCK, next = requant->per_channel;
    const int32_t shift = requant->shift;
    for (int32_t o = 0; o < channels; o += block, weight += ternary ? depth : 2 * depth) {
        const int32_t *const m = requant->multiplier + o * next, *const bias = requant->bias + o;
        const int32_t here = tk_min(block, channels - o);
        if (large) {
            int32_t sums[TK_EVENT_BLOCK];
            tk_event_long_block(list, end, weight, sums);
            for (int32_t k = 0; k < here; ++k) output[o + k] = tk_finish_wide(sums[k], o + k, requant);
            continue;
        }
        uint32_t sums[TK_EVENT_BLOCK_T2 / 2];
        if (ternary) {
            tk_event_block_t2(list, end, weight, sums);
        } else {
            tk_event_block_s8(list, end, weight, sums);
        }
        if (here == block) {
            TK_UNROLLED
            for (int32_t k = 0; k < block; k += 2)
                tk_store2(output + o + k,
                          tk_event_finish2(sums[k / 2], m[k * next], m[(k + 1) * next], bias + k, shift));
        } else {
            for (int32_t k = 0; k < here; ++k)
                output[o + k] =
                    (int16_t)tk_event_finish(sums[k / 2] >> 16 * (k % 2), m[k * next], bias[k], shift);
        }
    }
}

#endif
