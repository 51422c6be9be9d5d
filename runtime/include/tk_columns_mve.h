/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_COLUMNS_MVE_H
#define TK_COLUMNS_MVE_H

#include "tk_mve.h"
#include "tk_window.h"

/* The rows that one row of output reads, stood on end: column x holds the kernel_h values of every channel at x, and
 * columns follow each other. So each window is one run of bytes, windows share what they have in common, and every
 * input byte is copied once for a row of output instead of once for each pixel. */

/* Where the bytes of `together` pixels go, at most 16 and each within a byte's reach. */
typedef struct {
    uint8_t places[16];
    int32_t together;
} tk_spread;

TK_INLINE tk_spread tk_spread_of(int32_t in_c, int32_t step) {
    tk_spread spread;
    spread.together = tk_min(16 / in_c, (256 - in_c) / step + 1);
    TK_ROLLED
    for (int32_t k = 0; k < 16; ++k) spread.places[k] = (uint8_t)(k / in_c * step + k % in_c);
    return spread;
}

/* Each: to[x * step + c] = from[x * in_c + c] for `pixels` pixels; step is at least in_c. Less than 16 channels. */
static TK_NOINLINE TK_UNUSED void tk_spread_few_mve(const int8_t *from, int32_t pixels, int32_t in_c,
                                                    int8_t *to, int32_t step, const tk_spread *spread) {
#ifdef TK_HAS_MVE
    const int32_t bytes = spread->together * in_c, rest = pixels % spread->together * in_c;
    __asm volatile("vldrb.u8 q1, [%[places]]\n"
                   "vctp.8 %[bytes]\n"
                   "wls lr, %[groups], 2f\n"
                   "1: vpstt\n"
                   "vldrbt.u8 q0, [%[from]]\n"
                   "vstrbt.8 q0, [%[to], q1]\n"
                   "add %[from], %[from], %[bytes]\n"
                   "add %[to], %[to], %[next]\n"
                   "le lr, 1b\n"
                   "2: vctp.8 %[rest]\n"
                   "vpstt\n"
                   "vldrbt.u8 q0, [%[from]]\n"
                   "vstrbt.8 q0, [%[to], q1]\n"
                   : [from] "+r"(from), [to] "+r"(to)
                   : [places] "r"(spread->places), [bytes] "r"(bytes), [rest] "r"(rest),
                     [groups] "r"(pixels / spread->together), [next] "r"(spread->together * step)
                   : "q0", "q1", "lr", "memory");
#else
    for (int32_t x = 0; x < pixels; ++x, from += in_c) {
        int8_t *group = to + x / spread->together * spread->together * step;
        for (int32_t c = 0; c < in_c; ++c) group[spread->places[x % spread->together * in_c + c]] = from[c];
    }
#endif
}

/* A multiple of 16 channels. */
static TK_NOINLINE TK_UNUSED void tk_spread_blocks_mve(const int8_t *from, int32_t pixels, int32_t in_c,
                                                       int8_t *to, int32_t step) {
#ifdef TK_HAS_MVE
    for (int32_t c = 0; c < in_c; c += 16, from += 16, to += 16) {
        const int8_t *source = from;
        int8_t *target = to;
        __asm volatile("dls lr, %[pixels]\n"
                       "1: vldrb.u8 q0, [%[from]]\n"
                       "add %[from], %[from], %[in_c]\n"
                       "vstrb.8 q0, [%[to]]\n"
                       "add %[to], %[to], %[step]\n"
                       "le lr, 1b\n"
                       : [from] "+r"(source), [to] "+r"(target)
                       : [pixels] "r"(pixels), [in_c] "r"(in_c), [step] "r"(step)
                       : "q0", "lr", "memory");
    }
#else
    for (int32_t x = 0; x < pixels; ++x, from += in_c, to += step) tk_copy_mve(to, from, in_c);
#endif
}

/* Any number. */
static TK_NOINLINE TK_UNUSED void tk_spread_any_mve(const int8_t *from, int32_t pixels, int32_t in_c,
                                                    int8_t *to, int32_t step) {
    for (int32_t x = 0; x < pixels; ++x, from += in_c, to += step) tk_copy_mve(to, from, in_c);
}

/* Stand the rows under output row y on end in `columns`, whose `bytes` may be overwritten up to a multiple of 16. What
 * lies outside the input becomes `zero_point`. Must be called for every row in turn, from 0. */
TK_INLINE void tk_columns_mve(const int8_t *input, int32_t y, int32_t zero_point, const tk_spread *spread,
                              int8_t *columns, int32_t bytes, const tk_window *w) {
    const int32_t top = y * w->stride_h - w->pad_top, step = w->kernel_h * w->in_c;
    const int32_t width = (w->out_w - 1) * w->stride_w + (w->kernel_w - 1) * w->dilation_w + 1;
    const int32_t last = top + (w->kernel_h - 1) * w->dilation_h;
    const int32_t pixels = tk_min(w->in_w, width - w->pad_left);
    if (y == 0 || top < 0 || last >= w->in_h) tk_set_mve(columns, zero_point, bytes);
    TK_ROLLED
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        const int32_t row = top + i * w->dilation_h;
        if (row < 0 || row >= w->in_h || pixels <= 0) continue;
        const int8_t *from = input + row * w->in_w * w->in_c;
        int8_t *to = columns + w->pad_left * step + i * w->in_c;
        if (w->in_c < 16) {
            tk_spread_few_mve(from, pixels, w->in_c, to, step, spread);
        } else if (w->in_c % 16 == 0) {
            tk_spread_blocks_mve(from, pixels, w->in_c, to, step);
        } else {
            tk_spread_any_mve(from, pixels, w->in_c, to, step);
        }
    }
}

#endif
