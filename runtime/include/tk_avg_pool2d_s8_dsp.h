/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_AVG_POOL2D_S8_DSP_H
#define TK_AVG_POOL2D_S8_DSP_H

#include "tk_dsp.h"
#include "tk_window.h"

/* sums + the bytes 0 and 2 of a word, sign-extended to the lanes; `_odd`: the bytes 1 and 3. */
TK_INLINE uint32_t tk_sxtab16(uint32_t sums, uint32_t word) {
#ifdef TK_HAS_DSP
    __asm("sxtab16 %0, %0, %1" : "+r"(sums) : "r"(word));
    return sums;
#else
    const uint32_t more = tk_sxtb16(word);
    return ((sums + more) & 0xFFFFu) | ((sums & 0xFFFF0000u) + (more & 0xFFFF0000u));
#endif
}
TK_INLINE uint32_t tk_sxtab16_odd(uint32_t sums, uint32_t word) {
#ifdef TK_HAS_DSP
    __asm("sxtab16 %0, %0, %1, ror #8" : "+r"(sums) : "r"(word));
    return sums;
#else
    return tk_sxtab16(sums, word >> 8);
#endif
}

/* Rounded half away from zero. */
TK_INLINE int8_t tk_mean_s8(int32_t sum, int32_t count) {
    return (int8_t)tk_clamp((sum > 0 ? sum + count / 2 : sum - count / 2) / count, INT8_MIN, INT8_MAX);
}

/* As tk_avg_pool2d_s8, four channels at a time: of at least four, and windows of at most 255 pixels. */
TK_KERNEL void tk_avg_pool2d_s8_dsp(const int8_t *input, int32_t divisor, int32_t zero_point, int8_t *output,
                                    const tk_window *w) {
    TK_ROLLED for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        const int32_t row_begin = tk_max(top, 0), row_end = tk_min(top + w->kernel_h, w->in_h);
        TK_ROLLED for (int32_t x = 0; x < w->out_w; ++x) {
            const int32_t left = x * w->stride_w - w->pad_left;
            const int32_t begin = tk_max(left, 0), end = tk_min(left + w->kernel_w, w->in_w);
            const int32_t inside = (row_end - row_begin) * (end - begin);
            const int32_t count = divisor == 0 ? inside : divisor, padding = (count - inside) * zero_point;
            TK_ROLLED for (int32_t i = 0; i < w->in_c; i += 4) {
                const int32_t c = tk_min(i, w->in_c - 4); /* the last four, some of them once more */
                uint32_t even = 0, odd = 0;
                TK_ROLLED for (int32_t row = row_begin; row < row_end; ++row) {
                    const int8_t *from = input + (row * w->in_w + begin) * w->in_c + c;
                    TK_ROLLED for (int32_t n = end - begin; n > 0; --n, from += w->in_c) {
                        const uint32_t word = tk_load4(from);
                        even = tk_sxtab16(even, word);
                        odd = tk_sxtab16_odd(odd, word);
                    }
                }
                output[c] = tk_mean_s8((int16_t)even + padding, count);
                output[c + 1] = tk_mean_s8((int16_t)odd + padding, count);
                output[c + 2] = tk_mean_s8((int16_t)(even >> 16) + padding, count);
                output[c + 3] = tk_mean_s8((int16_t)(odd >> 16) + padding, count);
            }
            output += w->in_c;
        }
    }
}

#endif
