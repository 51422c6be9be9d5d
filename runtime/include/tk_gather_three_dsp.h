/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_GATHER_THREE_DSP_H
#define TK_GATHER_THREE_DSP_H

#include "tk_copy_dsp.h"
#include "tk_window.h"

/* Widen `count` bytes (a multiple of 4) of each of three pixels, side by side, in each of `rows` rows. */
#define TK_WIDEN_ARGUMENTS                                                           \
    const int8_t *a TK_UNUSED, const int8_t *b TK_UNUSED, const int8_t *c TK_UNUSED, \
        int32_t count TK_UNUSED, uint32_t *to TK_UNUSED, int32_t rows TK_UNUSED, int32_t line TK_UNUSED
#ifdef TK_HAS_DSP
TK_ASSEMBLY void tk_widen_three_dsp(TK_WIDEN_ARGUMENTS) {
    __asm volatile("push {r4-r11, lr}\n\t"
                   "ldrd r4, r5, [sp, #36]\n\t"
                   "ldr r6, [sp, #44]\n\t"
                   "sub r6, r6, r3\n\t"
                   "1:\n\t"
                   "add r7, r0, r3\n\t"
                   "2:\n\t"
                   "ldr.w r8, [r0], #4\n\t"
                   "ldr.w r9, [r1], #4\n\t"
                   "ldr.w r10, [r2], #4\n\t"
                   "sxtb16 r11, r8, ror #8\n\t"
                   "sxtb16 r12, r9, ror #8\n\t"
                   "sxtb16 lr, r10, ror #8\n\t"
                   "sxtb16 r8, r8\n\t"
                   "sxtb16 r9, r9\n\t"
                   "sxtb16 r10, r10\n\t"
                   "cmp r0, r7\n\t"
                   "stmia r4!, {r8, r9, r10, r11, r12, lr}\n\t"
                   "bne 2b\n\t"
                   "add r0, r6\n\t"
                   "add r1, r6\n\t"
                   "add r2, r6\n\t"
                   "subs r5, #1\n\t"
                   "bne 1b\n\t"
                   "pop {r4-r11, pc}");
}
#else
static TK_NOINLINE TK_UNUSED void tk_widen_three_dsp(TK_WIDEN_ARGUMENTS) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t k = 0; k < count; k += 4, to += 6) {
            const int32_t at = row * line + k;
            const uint32_t words[3] = {tk_load4(a + at), tk_load4(b + at), tk_load4(c + at)};
            for (int32_t i = 0; i < 3; ++i) {
                to[i] = tk_sxtb16(words[i]);
                to[i + 3] = tk_sxtb16_odd(words[i]);
            }
        }
    }
}
#endif

/* Copy one kernel row of the window whose left column is `left`; what lies outside the input becomes `zero_point`.
 * `from` is the input's row, or NULL where there is none. */
static TK_NOINLINE TK_UNUSED void tk_copy_row_dsp(const int8_t *from, int32_t left, int32_t zero_point,
                                                  int8_t *to, const tk_window *w) {
    const int32_t in_c = w->in_c, kernel_w = w->kernel_w, dilation = w->dilation_w;
    if (!from) {
        tk_fill_dsp(to, zero_point, kernel_w * in_c);
    } else if (dilation == 1) {
        const int32_t before = tk_clamp(-left, 0, kernel_w), end = tk_clamp(w->in_w - left, before, kernel_w);
        if (before) to = tk_fill_dsp(to, zero_point, before * in_c);
        if (end > before) to = tk_copy_dsp(from + (left + before) * in_c, (end - before) * in_c, to);
        if (end < kernel_w) tk_fill_dsp(to, zero_point, (kernel_w - end) * in_c);
    } else {
        TK_ROLLED for (int32_t j = 0, column = left; j < kernel_w; ++j, column += dilation) {
            to = column >= 0 && column < w->in_w ? tk_copy_dsp(from + column * in_c, in_c, to)
                                                 : tk_fill_dsp(to, zero_point, in_c);
        }
    }
}

/* Widen the windows under output pixels p to p + 2 (the last one again where there are no more). A kernel row takes
 * `row` bytes, a multiple of 4: weights are 0 behind the window's own. `bytes` holds three rows. */
TK_INLINE void tk_gather_three_dsp(const int8_t *input, int32_t p, int32_t zero_point, int32_t row,
                                   int8_t *bytes, uint32_t *to, const tk_window *w) {
    const int32_t line = w->in_w * w->in_c, size = w->in_h * line, last = w->out_h * w->out_w - 1;
    const int32_t width = w->dilation_w * (w->kernel_w - 1) + 1, next = w->stride_w * w->in_c;
    const int32_t y0 = p / w->out_w, x0 = p - y0 * w->out_w;
    const int32_t top0 = y0 * w->stride_h - w->pad_top, left0 = x0 * w->stride_w - w->pad_left;
    const int32_t start0 = top0 * line + left0 * w->in_c, height = (w->kernel_h - 1) * w->dilation_h;
    if (width == w->kernel_w && x0 + 2 < w->out_w && left0 >= 0 &&
        left0 + 2 * w->stride_w + width <= w->in_w && top0 >= 0 && top0 + height < w->in_h &&
        start0 + 2 * next + height * line + row <= size) {
        const int8_t *const from = input + start0;
        tk_widen_three_dsp(from, from + next, from + 2 * next, row, to, w->kernel_h, w->dilation_h * line);
        return;
    }
    int32_t top[3], left[3], start[3];
    int whole[3];   /* its rows lie side by side in the input, and may be read to the end of `row` */
    int inside = 1; /* all rows of all three do */
    for (int32_t i = 0; i < 3; ++i) {
        const int32_t pixel = tk_min(p + i, last), y = pixel / w->out_w;
        top[i] = y * w->stride_h - w->pad_top;
        left[i] = (pixel - y * w->out_w) * w->stride_w - w->pad_left;
        start[i] = top[i] * line + left[i] * w->in_c;
        whole[i] = width == w->kernel_w && left[i] >= 0 && left[i] + width <= w->in_w &&
                   start[i] + height * line + row <= size;
        inside &= whole[i] && top[i] >= 0 && top[i] + height < w->in_h;
    }
    if (inside) {
        tk_widen_three_dsp(input + start[0], input + start[1], input + start[2], row, to, w->kernel_h,
                           w->dilation_h * line);
        return;
    }
    TK_ROLLED for (int32_t i = 0; i < w->kernel_h; ++i) {
        const int8_t *from[3];
        for (int32_t n = 0; n < 3; ++n) {
            const int32_t y = top[n] + i * w->dilation_h, there = y >= 0 && y < w->in_h;
            if (there && whole[n]) {
                from[n] = input + (start[n] + i * w->dilation_h * line);
            } else {
                tk_copy_row_dsp(there ? input + y * line : 0, left[n], zero_point, bytes + n * row, w);
                from[n] = bytes + n * row;
            }
        }
        tk_widen_three_dsp(from[0], from[1], from[2], row, to, 1, 0);
        to += row / 4 * 6;
    }
}

/* Copy the input with its padding to `to`, height x width pixels, so that every window lies inside. */
static TK_NOINLINE TK_UNUSED void tk_pad_dsp(const int8_t *input, int32_t zero_point, int32_t height,
                                             int32_t width, int8_t *to, const tk_window *w) {
    const int32_t in_c = w->in_c, columns = tk_min(w->in_w, width - w->pad_left);
    to = tk_fill_dsp(to, zero_point, w->pad_top * width * in_c);
    for (int32_t y = 0; y < height - w->pad_top; ++y) {
        if (y >= w->in_h) {
            to = tk_fill_dsp(to, zero_point, width * in_c);
            continue;
        }
        to = tk_fill_dsp(to, zero_point, w->pad_left * in_c);
        to = tk_copy_dsp(input + y * w->in_w * in_c, columns * in_c, to);
        to = tk_fill_dsp(to, zero_point, (width - w->pad_left - columns) * in_c);
    }
}

/* As tk_gather_three_dsp where a window is one pixel and in_c a multiple of 4. */
TK_INLINE void tk_widen_pixels_dsp(const int8_t *input, int32_t p, uint32_t *to, const tk_window *w) {
    const int32_t last = w->out_h * w->out_w - 1;
    tk_widen_three_dsp(input + p * w->in_c, input + tk_min(p + 1, last) * w->in_c,
                       input + tk_min(p + 2, last) * w->in_c, w->in_c, to, 1, 0);
}

#endif
