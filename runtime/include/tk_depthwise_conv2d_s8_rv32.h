/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_S8_RV32_H
#define TK_DEPTHWISE_CONV2D_S8_RV32_H

#include "tk_rv32.h"
#include "tk_window.h"

/* A few rows of output, all channels one after the other, from a block of input rows that is padded where windows reach
 * over the edge. `weight` holds nine taps for each channel. The assembly knows these offsets, and moves `x`, `weight`,
 * `channel` and `output` on. */
typedef struct {
    const int8_t *x;                    /* 0 */
    const int8_t *weight;               /* 4 */
    const tk_channel_rv32 *channel;     /* 8 */
    const tk_channel_rv32 *channel_end; /* 12 */
    int8_t *output;                     /* 16 */
    int32_t stride;                     /* 20: channels */
    int32_t low, high;                  /* 24, 28 */
    int32_t pitch;                      /* 32: bytes of a row of the block, and to the next */
    int32_t block;                      /* 36: bytes of the rows of windows' upper left taps */
    int32_t before_last;                /* 40: bytes of a row of output without its last pixel */
    uint32_t block_end;                 /* 44: the assembly's own */
} tk_nine_taps_rv32;
typedef void tk_nine_taps_function_rv32(tk_nine_taps_rv32 *taps);

#ifdef TK_HAS_RV32

/* clang-format off */
#define TK_RV32_TAP(weight, from, to)      \
    "mul t6, a7, " #weight "\n"            \
    "add " #to ", " #from ", t6\n"
/* The next column's value of the row at `x`. */
#define TK_RV32_LOAD(x)                    \
    "lb a7, 0(" #x ")\n"                   \
    "add " #x ", " #x ", a5\n"

/* Columns of three values, under nine weights in s0 .. s8: t5 gets a whole sum from t3, t3 one that lacks its last
 * column, t4 one that lacks two. Sums start with the bias, s9. */
#define TK_RV32_FIRST_COLUMN(to)                                                    \
    TK_RV32_LOAD(a0) TK_RV32_TAP(s0, s9, to)                                        \
    TK_RV32_LOAD(a1) TK_RV32_TAP(s3, to, to)                                        \
    TK_RV32_LOAD(a2) TK_RV32_TAP(s6, to, to)
#define TK_RV32_MIDDLE_COLUMN                                                       \
    TK_RV32_LOAD(a0) TK_RV32_TAP(s1, t3, t3)                                        \
    TK_RV32_LOAD(a1) TK_RV32_TAP(s4, t3, t3)                                        \
    TK_RV32_LOAD(a2) TK_RV32_TAP(s7, t3, t3)
#define TK_RV32_SECOND_COLUMN                                                       \
    TK_RV32_LOAD(a0) TK_RV32_TAP(s1, t3, t3) TK_RV32_TAP(s0, s9, t4)                \
    TK_RV32_LOAD(a1) TK_RV32_TAP(s4, t3, t3) TK_RV32_TAP(s3, t4, t4)                \
    TK_RV32_LOAD(a2) TK_RV32_TAP(s7, t3, t3) TK_RV32_TAP(s6, t4, t4)
#define TK_RV32_LAST_COLUMN                                                         \
    TK_RV32_LOAD(a0) TK_RV32_TAP(s2, t3, t5)                                        \
    TK_RV32_LOAD(a1) TK_RV32_TAP(s5, t5, t5)                                        \
    TK_RV32_LOAD(a2) TK_RV32_TAP(s8, t5, t5)
#define TK_RV32_LAST_AND_FIRST_COLUMN                                               \
    TK_RV32_LOAD(a0) TK_RV32_TAP(s2, t3, t5) TK_RV32_TAP(s0, s9, t3)                \
    TK_RV32_LOAD(a1) TK_RV32_TAP(s5, t5, t5) TK_RV32_TAP(s3, t3, t3)                \
    TK_RV32_LOAD(a2) TK_RV32_TAP(s8, t5, t5) TK_RV32_TAP(s6, t3, t3)
#define TK_RV32_ANY_COLUMN                                                                            \
    TK_RV32_LOAD(a0) TK_RV32_TAP(s2, t3, t5) TK_RV32_TAP(s1, t4, t3) TK_RV32_TAP(s0, s9, t4)          \
    TK_RV32_LOAD(a1) TK_RV32_TAP(s5, t5, t5) TK_RV32_TAP(s4, t3, t3) TK_RV32_TAP(s3, t4, t4)          \
    TK_RV32_LOAD(a2) TK_RV32_TAP(s8, t5, t5) TK_RV32_TAP(s7, t3, t3) TK_RV32_TAP(s6, t4, t4)

/* What comes before a row's first whole window, what each but the last takes, what the last takes, and the way from the
 * row's end to the next: windows move down as they move right. */
#define TK_RV32_BY_ONE_BEFORE TK_RV32_FIRST_COLUMN(t3) TK_RV32_SECOND_COLUMN
#define TK_RV32_BY_ONE_EACH TK_RV32_ANY_COLUMN
#define TK_RV32_BY_ONE_LAST TK_RV32_LAST_COLUMN
#define TK_RV32_BY_ONE_NEXT_ROW
#define TK_RV32_BY_TWO_BEFORE TK_RV32_FIRST_COLUMN(t3)
#define TK_RV32_BY_TWO_EACH TK_RV32_MIDDLE_COLUMN TK_RV32_LAST_AND_FIRST_COLUMN
#define TK_RV32_BY_TWO_LAST TK_RV32_MIDDLE_COLUMN TK_RV32_LAST_COLUMN

#define TK_RV32_BY_TWO_NEXT_ROW "lw t6, 32(a3)\n" "add a0, a0, t6\n" "add a1, a1, t6\n" "add a2, a2, t6\n"

#define TK_RV32_NINE_ONCE TK_RV32_ONCE(t5, s10, s11, t0)
#define TK_RV32_NINE_TWICE TK_RV32_TWICE(t5, s10, s11, t0, t6)
#define TK_RV32_NINE_OUTPUT TK_RV32_CLAMP(t5, t1, t2) "sb t5, 0(a4)\n"

#define TK_RV32_NINE_TAPS(name, by, finish)                                         \
    TK_RV32_FUNCTION void name(TK_UNUSED tk_nine_taps_rv32 *taps) {                 \
        __asm volatile(TK_RV32_SAVE                                                 \
                       "mv a3, a0\n"                                                \
                       "lw a5, 20(a3)\n"                                            \
                       "lw t1, 24(a3)\n"                                            \
                       "lw t2, 28(a3)\n"                                            \
                       "2:\n" /* a channel */                                       \
                       "lw t6, 4(a3)\n"                                             \
                       "lb s0, 0(t6)\n"                                             \
                       "lb s1, 1(t6)\n"                                             \
                       "lb s2, 2(t6)\n"                                             \
                       "lb s3, 3(t6)\n"                                             \
                       "lb s4, 4(t6)\n"                                             \
                       "lb s5, 5(t6)\n"                                             \
                       "lb s6, 6(t6)\n"                                             \
                       "lb s7, 7(t6)\n"                                             \
                       "lb s8, 8(t6)\n"                                             \
                       "addi t6, t6, 9\n"                                           \
                       "sw t6, 4(a3)\n"                                             \
                       "lw t6, 8(a3)\n"                                             \
                       "lw s9, 0(t6)\n"                                             \
                       "lw s10, 4(t6)\n"                                            \
                       "lw s11, 8(t6)\n"                                            \
                       "lw t0, 12(t6)\n"                                            \
                       "lw a0, 0(a3)\n"                                             \
                       "lw t6, 36(a3)\n"                                            \
                       "add t6, t6, a0\n"                                           \
                       "sw t6, 44(a3)\n"                                            \
                       "lw t6, 32(a3)\n"                                            \
                       "add a1, a0, t6\n"                                           \
                       "add a2, a1, t6\n"                                           \
                       "lw a4, 16(a3)\n"                                            \
                       "3:\n" /* a row */                                           \
                       "lw a6, 40(a3)\n"                                            \
                       "add a6, a6, a4\n" /* the row's last output */               \
                       by##_BEFORE                                                  \
                       "beq a4, a6, 5f\n"                                           \
                       "4:\n"                                                       \
                       by##_EACH                                                    \
                       finish                                                       \
                       TK_RV32_NINE_OUTPUT                                          \
                       "add a4, a4, a5\n"                                           \
                       "bne a4, a6, 4b\n"                                           \
                       "5:\n" ::: "memory");                                        \
        /* a string holds 4095 characters at most */                                \
        __asm volatile(by##_LAST                                                    \
                       finish                                                       \
                       TK_RV32_NINE_OUTPUT                                          \
                       "add a4, a4, a5\n"                                           \
                       by##_NEXT_ROW                                                \
                       "lw t6, 44(a3)\n"                                            \
                       "bne a0, t6, 3b\n"                                           \
                       "lw t6, 0(a3)\n"                                             \
                       "addi t6, t6, 1\n"                                           \
                       "sw t6, 0(a3)\n"                                             \
                       "lw t6, 16(a3)\n"                                            \
                       "addi t6, t6, 1\n"                                           \
                       "sw t6, 16(a3)\n"                                            \
                       "lw t6, 8(a3)\n"                                             \
                       "addi t6, t6, 16\n"                                          \
                       "sw t6, 8(a3)\n"                                             \
                       "lw a7, 12(a3)\n"                                            \
                       "bne t6, a7, 2b\n"                                           \
                       TK_RV32_RESTORE ::: "memory");                               \
    }
/* clang-format on */
TK_RV32_NINE_TAPS(tk_nine_taps_1_once_rv32, TK_RV32_BY_ONE, TK_RV32_NINE_ONCE)
TK_RV32_NINE_TAPS(tk_nine_taps_1_twice_rv32, TK_RV32_BY_ONE, TK_RV32_NINE_TWICE)
TK_RV32_NINE_TAPS(tk_nine_taps_2_once_rv32, TK_RV32_BY_TWO, TK_RV32_NINE_ONCE)
TK_RV32_NINE_TAPS(tk_nine_taps_2_twice_rv32, TK_RV32_BY_TWO, TK_RV32_NINE_TWICE)

#else

TK_INLINE void tk_nine_taps_twin_rv32(const tk_nine_taps_rv32 *taps, int32_t by, int32_t twice) {
    const int32_t channels = taps->stride, out_pitch = taps->before_last + channels;
    for (int32_t i = 0; i < taps->block / (by * taps->pitch) * out_pitch; ++i) {
        const int32_t c = i % channels, x = i % out_pitch / channels, y = i / out_pitch;
        const int8_t *const from = taps->x + by * (y * taps->pitch + x * channels) + c;
        int32_t sum = taps->channel[c].bias;
        for (int32_t k = 0; k < 9; ++k) {
            sum += from[k / 3 * taps->pitch + k % 3 * channels] * taps->weight[9 * c + k];
        }
        taps->output[i] = tk_finish_one_rv32(sum, taps->channel + c, taps->low, taps->high, twice);
    }
}
TK_RV32_FUNCTION void tk_nine_taps_1_once_rv32(tk_nine_taps_rv32 *taps) {
    tk_nine_taps_twin_rv32(taps, 1, 0);
}
TK_RV32_FUNCTION void tk_nine_taps_1_twice_rv32(tk_nine_taps_rv32 *taps) {
    tk_nine_taps_twin_rv32(taps, 1, 1);
}
TK_RV32_FUNCTION void tk_nine_taps_2_once_rv32(tk_nine_taps_rv32 *taps) {
    tk_nine_taps_twin_rv32(taps, 2, 0);
}
TK_RV32_FUNCTION void tk_nine_taps_2_twice_rv32(tk_nine_taps_rv32 *taps) {
    tk_nine_taps_twin_rv32(taps, 2, 1);
}

#endif

/* Copy rows top .. top + rows - 1 of the input to the block `to`, whose borders left and right hold the zero point
 * already; rows outside the input become it. */
static TK_NOINLINE TK_UNUSED void tk_copy_block_rv32(const int8_t *input, int32_t top, int32_t rows,
                                                     int32_t pitch, int32_t zero_point, int8_t *to,
                                                     const tk_window *w) {
    const int32_t before = w->pad_left * w->in_c;
    const int32_t inside = tk_min(w->in_w * w->in_c, pitch - before);
    for (int32_t row = top; row < top + rows; ++row, to += pitch) {
        if (row >= 0 && row < w->in_h) {
            tk_copy_rv32(to + before, input + row * w->in_w * w->in_c, inside);
        } else {
            tk_fill_s8(to, zero_point, pitch);
        }
    }
}

/* As tk_depthwise_conv2d_s8, for 3 x 3 windows without dilation that move by one or two, and one output channel
 * per input channel. `rows` rows of output are made at a time from `block_rows` rows of input, which `scratch` holds
 * padded. One copy for all layers: the loops that cost are assembly. */
static TK_NOINLINE TK_UNUSED void
tk_depthwise_conv2d_s8_rv32(const int8_t *input, int32_t zero_point, const int8_t *weight,
                            const tk_finish_rv32 *finish, tk_nine_taps_function_rv32 *nine_taps, int32_t rows,
                            int32_t block_rows, int8_t *scratch, int8_t *output, const tk_window *w) {
    const int32_t channels = w->in_c;
    tk_nine_taps_rv32 taps;
    taps.channel_end = finish->channels + channels;
    taps.stride = channels;
    taps.low = finish->low;
    taps.high = finish->high;
    taps.pitch = ((w->out_w - 1) * w->stride_w + 3) * channels;
    taps.before_last = (w->out_w - 1) * channels;
    tk_fill_s8(scratch, zero_point, block_rows * taps.pitch);
    for (int32_t y = 0; y < w->out_h; y += rows, output += rows * w->out_w * channels) {
        const int32_t down = tk_min(rows, w->out_h - y) * w->stride_h; /* of rows of input */
        tk_copy_block_rv32(input, y * w->stride_h - w->pad_top, down - w->stride_h + 3, taps.pitch,
                           zero_point, scratch, w);
        taps.block = down * taps.pitch;
        taps.x = scratch;
        taps.weight = weight;
        taps.channel = finish->channels;
        taps.output = output;
        nine_taps(&taps);
    }
}

#endif
