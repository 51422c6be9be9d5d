/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_S8_V6M_H
#define TK_CONV2D_S8_V6M_H

#include "tk_pixels_v6m.h"

/* All channels of two pixels. `weight` holds bytes + 128 of two rows by two columns in turn: (row 0, columns 0 and 1),
 * (row 1, columns 0 and 1). The assembly knows these offsets, and moves `weight` and `table` on. */
typedef struct {
    tk_finish_v6m finish;  /* 0 */
    const uint8_t *weight; /* 16 */
    const uint32_t *x;     /* 20 */
    const uint32_t *x_end; /* 24 */
    uint32_t start;        /* 28: takes back the 2^15 of every two columns */
    int32_t skip;          /* 32: columns by which the first round of the loop is shorter, times two */
    int32_t channels;      /* 36 */
    int8_t *p;             /* 40 */
    int8_t *q;             /* 44 */
    uintptr_t entry;       /* 48: where the assembly enters its loop; its own */
} tk_pixel_pair_v6m;

#ifdef TK_HAS_V6M

/* Two columns (r0, r1; to take away: r2) of two rows into r8 .. r11: per row the sum of the words, and the sum of their
 * upper halves. Weights at r5 + at. 19 halfwords. */
#define TK_V6M_ROW(even, odd, words, uppers) \
    "ldrb r3, [r5, #" #even "]\n"            \
    "ldrb r4, [r5, #" #odd "]\n"             \
    "muls r3, r0, r3\n"                      \
    "muls r4, r1, r4\n"                      \
    "adds r3, r3, r4\n"                      \
    "subs r3, r3, r2\n"                      \
    "add " #words ", r3\n"                   \
    "asrs r3, r3, #16\n"                     \
    "add " #uppers ", r3\n"
#define TK_V6M_COLUMNS(a, b, c, d) \
    "ldmia r6!, {r0, r1, r2}\n" TK_V6M_ROW(a, b, r8, r9) TK_V6M_ROW(c, d, r10, r11)

/* One row's two outputs, from its two sums, to byte `at` behind r12 and lr. */
#define TK_V6M_OUTPUTS(words, uppers, at, scale)              \
    TK_V6M_NEXT_CHANNEL                                       \
    "mov r1, " #uppers "\n"                                   \
    "add " #uppers ", r2\n"                                   \
    "lsls r1, r1, #16\n"                                      \
    "mov r0, " #words "\n"                                    \
    "subs r0, r0, r1\n"                                       \
    "adds r0, r0, r2\n" scale TK_V6M_CLAMP "mov r2, r12\n"    \
    "strb r0, [r2, #" #at "]\n"                               \
    "mov r0, " #uppers "\n" scale TK_V6M_CLAMP "mov r2, lr\n" \
    "strb r0, [r2, #" #at "]\n"

/* clang-format off */
#define TK_V6M_PIXEL_PAIR(name, scale)                                              \
    TK_V6M_FUNCTION void name(TK_UNUSED tk_pixel_pair_v6m *pair) {                  \
        __asm volatile(TK_V6M_SAVE                                                  \
                       "mov r7, r0\n"                                               \
                       "ldr r0, [r7, #40]\n"                                        \
                       "mov r12, r0\n"                                              \
                       "ldr r0, [r7, #44]\n"                                        \
                       "mov lr, r0\n"                                               \
                       "ldr r0, [r7, #32]\n" /* 38 bytes of code for 4 of weights */ \
                       "movs r1, #19\n"                                             \
                       "muls r0, r1, r0\n"                                          \
                       "lsrs r0, r0, #1\n"                                          \
                       "adr r1, 3f\n"                                               \
                       "adds r0, r0, r1\n"                                          \
                       "adds r0, #1\n"                                              \
                       "str r0, [r7, #48]\n"                                        \
                       "2:\n" /* two rows */                                        \
                       "ldr r5, [r7, #16]\n"                                        \
                       "ldr r0, [r7, #32]\n"                                        \
                       "subs r5, r5, r0\n"                                          \
                       "ldr r6, [r7, #20]\n"                                        \
                       "ldr r0, [r7, #28]\n"                                        \
                       "mov r8, r0\n"                                               \
                       "mov r10, r0\n"                                              \
                       "movs r0, #0\n"                                              \
                       "mov r9, r0\n"                                               \
                       "mov r11, r0\n"                                              \
                       "ldr r0, [r7, #48]\n"                                        \
                       "bx r0\n"                                                    \
                       ".balign 4\n"                                                \
                       "3:\n"                                                       \
                       TK_V6M_COLUMNS(0, 1, 2, 3)                                   \
                       TK_V6M_COLUMNS(4, 5, 6, 7)                                   \
                       TK_V6M_COLUMNS(8, 9, 10, 11)                                 \
                       TK_V6M_COLUMNS(12, 13, 14, 15)                               \
                       TK_V6M_COLUMNS(16, 17, 18, 19)                               \
                       TK_V6M_COLUMNS(20, 21, 22, 23)                               \
                       TK_V6M_COLUMNS(24, 25, 26, 27)                               \
                       TK_V6M_COLUMNS(28, 29, 30, 31)                               \
                       "adds r5, #32\n"                                             \
                       "ldr r0, [r7, #24]\n"                                        \
                       "cmp r6, r0\n"                                               \
                       "beq 5f\n" /* a condition reaches 256 bytes only */          \
                       "b 3b\n"                                                     \
                       "5:\n" ::: "memory");                                        \
        /* a string holds 4095 characters at most */                                \
        __asm volatile(".syntax unified\n"                                          \
                       "str r5, [r7, #16]\n"                                        \
                       TK_V6M_OUTPUTS(r8, r9, 0, scale)                             \
                       "ldr r0, [r7, #36]\n"                                        \
                       "subs r0, #2\n"                                              \
                       "bmi 4f\n" /* the last row has no other */                   \
                       "str r0, [r7, #36]\n"                                        \
                       TK_V6M_OUTPUTS(r10, r11, 1, scale)                           \
                       "movs r0, #2\n"                                              \
                       "add r12, r0\n"                                              \
                       "add lr, r0\n"                                               \
                       "ldr r0, [r7, #36]\n"                                        \
                       "cmp r0, #0\n"                                               \
                       "beq 4f\n"                                                   \
                       "b 2b\n"                                                     \
                       "4:\n"                                                       \
                       TK_V6M_RESTORE ::: "memory");                                \
    }
/* clang-format on */
TK_V6M_PIXEL_PAIR(tk_pixel_pair_once_v6m, TK_V6M_ONCE)
TK_V6M_PIXEL_PAIR(tk_pixel_pair_twice_v6m, TK_V6M_TWICE)

#else

TK_INLINE void tk_pixel_pair_twin_v6m(tk_pixel_pair_v6m *pair, int32_t twice) {
    const int32_t *table = pair->finish.table;
    const int32_t groups = (int32_t)(pair->x_end - pair->x) / 3;
    for (int32_t o = 0; o < pair->channels; ++o, table += 2) {
        const uint8_t *w = pair->weight + (o / 2) * groups * 4 + (o % 2) * 2;
        uint32_t words = pair->start;
        int32_t uppers = 0;
        for (const uint32_t *x = pair->x; x != pair->x_end; x += 3, w += 4) {
            const uint32_t word = w[0] * x[0] + w[1] * x[1] - x[2];
            words += word;
            uppers += (int32_t)word >> 16;
        }
        const int32_t lowers = (int32_t)(words - ((uint32_t)uppers << 16));
        pair->p[o] = tk_finish_one_v6m(lowers, table, &pair->finish, twice);
        pair->q[o] = tk_finish_one_v6m(uppers, table, &pair->finish, twice);
    }
}
TK_V6M_FUNCTION void tk_pixel_pair_once_v6m(tk_pixel_pair_v6m *pair) { tk_pixel_pair_twin_v6m(pair, 0); }
TK_V6M_FUNCTION void tk_pixel_pair_twice_v6m(tk_pixel_pair_v6m *pair) { tk_pixel_pair_twin_v6m(pair, 1); }

#endif

/* As tk_conv2d_s8, two pixels by two channels at a time, with weights packed as tk_pixel_pair_v6m says and the finish's
 * table holding biases and multipliers. `scratch` holds 6 * padded bytes, with padded = depth rounded up to 2, then
 * in_c bytes (2 * padded when in_c is odd), then out_c bytes. */
TK_KERNEL void tk_conv2d_s8_v6m(const int8_t *input, int32_t zero_point, const uint8_t *weight,
                                const tk_finish_v6m *finish, int32_t double_rounding, uint32_t *scratch,
                                int8_t *output, const tk_window *window) {
    const int32_t depth = window->kernel_h * window->kernel_w * window->in_c;
    const int32_t padded = (depth + 1) & ~1;
    const int32_t channels = window->out_c, pixels = window->out_h * window->out_w;
    int8_t *const bytes = (int8_t *)(scratch + padded / 2 * 3);
    int8_t *const spare = bytes + (window->in_c % 2 ? 2 * padded : window->in_c);
    tk_fill_s8(bytes, zero_point, window->in_c % 2 ? 2 * padded : window->in_c);
    for (int32_t pixel = 0; pixel < pixels; pixel += 2, output += 2 * channels) {
        tk_gather_pair_v6m(input, pixel, zero_point, padded, bytes, scratch, window);
        tk_pixel_pair_v6m pair = {*finish,
                                  weight,
                                  scratch,
                                  scratch + padded / 2 * 3,
                                  0u - (uint32_t)padded * 0x4000u,
                                  (16 - padded % 16) % 16 * 2,
                                  channels,
                                  output,
                                  pixel + 1 < pixels ? output + channels : spare,
                                  0};
        if (double_rounding) {
            tk_pixel_pair_twice_v6m(&pair);
        } else {
            tk_pixel_pair_once_v6m(&pair);
        }
    }
}

#endif
