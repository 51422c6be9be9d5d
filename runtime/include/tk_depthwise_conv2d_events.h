/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_EVENTS_H
#define TK_DEPTHWISE_CONV2D_EVENTS_H

#include "tk_events.h"
#include "tk_window.h"

/* Sums of four channels: lanes of channels 0 and 2, and of 1 and 3. */
typedef struct {
    uint32_t even, odd;
} tk_four_sums;

/* Add those of four weights whose inputs are 1. */
TK_INLINE void tk_add_chosen(tk_four_sums *sums, uint32_t spikes, uint32_t weights) {
    const uint32_t chosen = weights & ((spikes << 8) - spikes);
#ifdef TK_HAS_DSP
    __asm("sxtab16 %0, %0, %1" : "+r"(sums->even) : "r"(chosen));
    __asm("sxtab16 %0, %0, %1, ror #8" : "+r"(sums->odd) : "r"(chosen));
#else /* the words' sums: a lower lane below 0 borrows from the upper one */
    const uint32_t positive = chosen ^ 0x80808080u, lanes = 0x00ff00ffu;
    sums->even += (positive & lanes) - 0x00800080u;
    sums->odd += (positive >> 8 & lanes) - 0x00800080u;
#endif
}

/* The upper lane of a sum. */
TK_INLINE uint32_t tk_upper_sum(uint32_t sum) {
#ifndef TK_HAS_DSP
    sum -= (uint32_t)tk_lane(sum, 0);
#endif
    return sum >> 16;
}

/* As tk_depthwise_conv2d_wide of spikes, with as many channels out as in: a multiple of four, which are made at a time; most
 * of their inputs are four zeros. At most 256 taps, so that sums lie in 16 bits. */
TK_KERNEL void tk_depthwise_conv2d_events(const int8_t *input, const int8_t *weight,
                                          const tk_requant_wide *requant, int16_t *output,
                                          const tk_window *window) {
    const tk_window w = *window;
    const int32_t next = requant->per_channel, shift = requant->shift;
    for (int32_t y = 0; y < w.out_h; ++y) {
        const int32_t top = y * w.stride_h - w.pad_top;
        const tk_reach rows = tk_reach_of(top, w.dilation_h, w.in_h, w.kernel_h);
        for (int32_t x = 0; x < w.out_w; ++x) {
            const int32_t left = x * w.stride_w - w.pad_left;
            const tk_reach taps = tk_reach_of(left, w.dilation_w, w.in_w, w.kernel_w);
            const int8_t *const corner =
                input +
                ((top + rows.begin * w.dilation_h) * w.in_w + left + taps.begin * w.dilation_w) * w.in_c;
            const int8_t *const first = weight + (rows.begin * w.kernel_w + taps.begin) * w.in_c;
            for (int32_t o = 0; o < w.in_c; o += 4, output += 4) {
                tk_four_sums sums = {0, 0};
                const int8_t *row = corner + o, *row_weight = first + o;
                for (int32_t i = rows.begin; i < rows.end; ++i) {
                    const int8_t *tap = row, *tap_weight = row_weight;
                    for (int32_t j = taps.begin; j < taps.end; ++j) {
                        const uint32_t spikes = tk_load4(tap);
                        if (spikes) tk_add_chosen(&sums, spikes, tk_load4(tap_weight));
                        tap += w.dilation_w * w.in_c;
                        tap_weight += w.in_c;
                    }
                    row += w.dilation_h * w.in_w * w.in_c;
                    row_weight += w.kernel_w * w.in_c;
                }
                const int32_t *const m = requant->multiplier + o * next, *const bias = requant->bias + o;
                output[0] = (int16_t)tk_event_finish(sums.even, m[0], bias[0], shift);
                output[1] = (int16_t)tk_event_finish(sums.odd, m[next], bias[1], shift);
                output[2] = (int16_t)tk_event_finish(tk_upper_sum(sums.even), m[2 * next], bias[2], shift);
                output[3] = (int16_t)tk_event_finish(tk_upper_sum(sums.odd), m[3 * next], bias[3], shift);
            }
        }
    }
}

#endif
