/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_S8_V6M_H
#define TK_DEPTHWISE_CONV2D_S8_V6M_H

#include "tk_v6m.h"
#include "tk_window.h"

/* All channels of one pixel under a 3 x 3 window, each three taps of a row `channels` bytes apart. The assembly knows
 * these offsets. */
typedef struct {
    tk_finish_v6m finish; /* 0 */
    const int8_t *x;      /* 16: upper left tap */
    const int8_t *weight; /* 20: (3, 3, channels) */
    int32_t row;          /* 24: bytes from one row of taps to the next */
    int32_t channels;     /* 28 */
    int8_t *output;       /* 32 */
    int8_t *output_end;   /* 36 */
} tk_nine_taps_v6m;

#ifdef TK_HAS_V6M

#define TK_V6M_TAP(offset)          \
    "ldrsb r1, [r6, " #offset "]\n" \
    "ldrsb r2, [r7, " #offset "]\n" \
    "muls r1, r2, r1\n"             \
    "adds r0, r0, r1\n"
#define TK_V6M_NEXT_ROW \
    "add r6, r8\n"      \
    "add r7, r9\n"

#define TK_V6M_NINE_TAPS(name, scale)                                                                      \
    TK_V6M_FUNCTION void name(TK_UNUSED tk_nine_taps_v6m *taps) {                                          \
        __asm volatile(TK_V6M_SAVE                                                                         \
                       "mov r12, r0\n"                                                                     \
                       "ldr r6, [r0, #16]\n"                                                               \
                       "ldr r7, [r0, #20]\n"                                                               \
                       "ldr r1, [r0, #24]\n"                                                               \
                       "mov r8, r1\n"                                                                      \
                       "ldr r4, [r0, #28]\n"                                                               \
                       "mov r10, r4\n"                                                                     \
                       "lsls r5, r4, #1\n"                                                                 \
                       "adds r1, r4, r5\n"                                                                 \
                       "mov r9, r1\n"                                                                      \
                       "movs r3, #0\n"                                                                     \
                       "2:\n" /* a channel */                                                              \
                       "mov r11, r6\n"                                                                     \
                       "mov lr, r7\n"                                                                      \
                       "ldrsb r0, [r6, r3]\n"                                                              \
                       "ldrsb r2, [r7, r3]\n"                                                              \
                       "muls r0, r2, r0\n" TK_V6M_TAP(r4) TK_V6M_TAP(r5) TK_V6M_NEXT_ROW TK_V6M_TAP(r3)    \
                           TK_V6M_TAP(r4) TK_V6M_TAP(r5) TK_V6M_NEXT_ROW TK_V6M_TAP(r3) TK_V6M_TAP(r4)     \
                               TK_V6M_TAP(r5) "mov r7, r12\n" TK_V6M_NEXT_CHANNEL                          \
                                              "adds r0, r0, r2\n" scale TK_V6M_CLAMP "ldr r1, [r7, #32]\n" \
                                              "strb r0, [r1]\n"                                            \
                                              "adds r1, #1\n"                                              \
                                              "str r1, [r7, #32]\n"                                        \
                                              "ldr r0, [r7, #36]\n"                                        \
                                              "cmp r0, r1\n"                                               \
                                              "beq 3f\n"                                                   \
                                              "mov r6, r11\n"                                              \
                                              "adds r6, #1\n"                                              \
                                              "mov r7, lr\n"                                               \
                                              "adds r7, #1\n"                                              \
                                              "movs r3, #0\n"                                              \
                                              "mov r4, r10\n"                                              \
                                              "lsls r5, r4, #1\n"                                          \
                                              "b 2b\n"                                                     \
                                              "3:\n" TK_V6M_RESTORE ::                                     \
                                                  : "memory");                                             \
    }
TK_V6M_NINE_TAPS(tk_nine_taps_once_v6m, TK_V6M_ONCE)
TK_V6M_NINE_TAPS(tk_nine_taps_twice_v6m, TK_V6M_TWICE)

#else

TK_INLINE void tk_nine_taps_twin_v6m(tk_nine_taps_v6m *taps, int32_t twice) {
    for (int32_t o = 0; o < taps->channels; ++o) {
        int32_t acc = 0;
        for (int32_t i = 0; i < 3; ++i) {
            for (int32_t j = 0; j < 3; ++j) {
                acc += taps->x[i * taps->row + j * taps->channels + o] *
                       taps->weight[(3 * i + j) * taps->channels + o];
            }
        }
        taps->output[o] = tk_finish_one_v6m(acc, taps->finish.table + 2 * o, &taps->finish, twice);
    }
}
TK_V6M_FUNCTION void tk_nine_taps_once_v6m(tk_nine_taps_v6m *taps) { tk_nine_taps_twin_v6m(taps, 0); }
TK_V6M_FUNCTION void tk_nine_taps_twice_v6m(tk_nine_taps_v6m *taps) { tk_nine_taps_twin_v6m(taps, 1); }

#endif

/* Copy the 3 x 3 window whose upper left tap is at (top, left) to `to`; what lies outside is `zero_point`. */
static TK_NOINLINE TK_UNUSED void tk_gather_window_v6m(const int8_t *input, int32_t top, int32_t left,
                                                       int32_t zero_point, int8_t *to, const tk_window *w) {
    for (int32_t i = top; i < top + 3; ++i) {
        for (int32_t j = left; j < left + 3; ++j, to += w->in_c) {
            const int inside = i >= 0 && i < w->in_h && j >= 0 && j < w->in_w;
            if (inside) {
                tk_copy_v6m(to, input + (i * w->in_w + j) * w->in_c, w->in_c);
            } else {
                tk_fill_s8(to, zero_point, w->in_c);
            }
        }
    }
}

/* As tk_depthwise_conv2d_s8, for 3 x 3 windows without dilation and one output channel per input channel; the finish's
 * table holds biases and multipliers. `scratch` holds 9 * channels bytes: a window that reaches over the edge. */
TK_KERNEL void tk_depthwise_conv2d_s8_v6m(const int8_t *input, int32_t zero_point, const int8_t *weight,
                                          const tk_finish_v6m *finish, int32_t double_rounding,
                                          int8_t *scratch, int8_t *output, const tk_window *window) {
    const int32_t channels = window->in_c;
    for (int32_t y = 0; y < window->out_h; ++y) {
        const int32_t top = y * window->stride_h - window->pad_top;
        for (int32_t x = 0; x < window->out_w; ++x, output += channels) {
            const int32_t left = x * window->stride_w - window->pad_left;
            const int whole = top >= 0 && top + 3 <= window->in_h && left >= 0 && left + 3 <= window->in_w;
            if (!whole) tk_gather_window_v6m(input, top, left, zero_point, scratch, window);
            tk_nine_taps_v6m taps = {
                *finish,          whole ? input + (top * window->in_w + left) * channels : scratch,
                weight,           (whole ? window->in_w : 3) * channels,
                channels,         output,
                output + channels};
            if (double_rounding) {
                tk_nine_taps_twice_v6m(&taps);
            } else {
                tk_nine_taps_once_v6m(&taps);
            }
        }
    }
}

#endif
