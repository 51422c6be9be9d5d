/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MAX_POOL2D_S8_DSP_H
#define TK_MAX_POOL2D_S8_DSP_H

#include "tk_dsp.h"
#include "tk_window.h"

/* The larger of each two signed bytes. */
TK_INLINE uint32_t tk_max_s8x4(uint32_t a, uint32_t b) {
#ifdef TK_HAS_DSP
    uint32_t
        best; /* SSUB8 sets a flag for every byte of a that is at least b's, SEL takes that or the other */
    __asm("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(best) : "r"(a), "r"(b));
    return best;
#else
    uint32_t best = 0;
    for (int i = 0; i < 32; i += 8) {
        const uint32_t x = (a >> i & 0xFFu) ^ 0x80u, y = (b >> i & 0xFFu) ^ 0x80u;
        best |= ((x > y ? x : y) ^ 0x80u) << i;
    }
    return best;
#endif
}

TK_INLINE void tk_store4(int8_t *p, uint32_t word) {
#if defined(__ARM_FEATURE_UNALIGNED) && !defined(__ARM_BIG_ENDIAN)
    __builtin_memcpy(p, &word, 4);
#else
    for (int i = 0; i < 4; ++i) p[i] = (int8_t)(uint8_t)(word >> 8 * i);
#endif
}

/* The largest values of four channels in `rows` rows of `columns` pixels. */
TK_INLINE uint32_t tk_largest_dsp(const int8_t *from, int32_t rows, int32_t columns, const tk_window *w) {
    uint32_t best = 0x80808080u;
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t column = 0; column < columns; ++column) {
            best = tk_max_s8x4(best, tk_load4(from + (row * w->in_w + column) * w->in_c));
        }
    }
    return best;
}

/* As tk_max_pool2d_s8, four channels at a time: of at least four. */
TK_KERNEL void tk_max_pool2d_s8_dsp(const int8_t *input, int8_t *output, const tk_window *w) {
    TK_ROLLED for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        const int32_t row = tk_max(top, 0), rows = tk_min(top + w->kernel_h, w->in_h) - row;
        TK_ROLLED for (int32_t x = 0; x < w->out_w; ++x, output += w->in_c) {
            const int32_t left = x * w->stride_w - w->pad_left;
            const int32_t column = tk_max(left, 0), columns = tk_min(left + w->kernel_w, w->in_w) - column;
            const int8_t *const from = input + (row * w->in_w + column) * w->in_c;
            const int whole = rows == w->kernel_h && columns == w->kernel_w; /* constants, to unroll */
            TK_ROLLED for (int32_t i = 0; i < w->in_c; i += 4) {
                const int32_t c = tk_min(i, w->in_c - 4); /* the last four, some of them once more */
                tk_store4(output + c, whole ? tk_largest_dsp(from + c, w->kernel_h, w->kernel_w, w)
                                            : tk_largest_dsp(from + c, rows, columns, w));
            }
        }
    }
}

#endif
