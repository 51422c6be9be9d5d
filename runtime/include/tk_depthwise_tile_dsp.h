/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_TILE_DSP_H
#define TK_DEPTHWISE_TILE_DSP_H

#include "tk_planes_dsp.h"

/* 3 x 3 taps on four channels of a tile of `rows` x `columns` outputs (at least two columns).
 *
 *   words  five a channel: the taps of each row in the lowest three bytes, the final shift in the top byte of the
 *          first; bias, times 256 or for double rounding 2; multiplier
 *   out    the first output of the first channel; `pixel` bytes to the next column, `skip` more to the next row
 *   half   twice the zero point, plus 1 */
#define TK_DEPTHWISE_ARGUMENTS                                                                              \
    const int16_t *planes TK_UNUSED, const int32_t *words TK_UNUSED, int8_t *out TK_UNUSED,                 \
        int32_t pixel TK_UNUSED, int32_t skip TK_UNUSED, int32_t rows TK_UNUSED, int32_t columns TK_UNUSED, \
        int32_t half TK_UNUSED

#ifdef TK_HAS_DSP
/* In the loop: sums r0, r1; values r2, r3 (and r9 for stride 2); taps from r4; planes r10 up to lr; out r11; pixel r12.
 * On the stack: bias 0, multiplier 4, constant 8, shift 12, the planes' end 16, what takes them from one row's end to
 * the next row 20; of the channel: planes 24, words 28, out 32; channels left 36. Then what was pushed, and from 76 the
 * arguments skip, rows, columns, half. */
#define TK_DEPTHWISE_PROLOGUE               \
    "push {r4-r11, lr}\n\t"                 \
    "sub sp, #40\n\t"                       \
    "mov r12, r3\n\t"                       \
    "mov r3, #4\n\t"                        \
    "strd r2, r3, [sp, #32]\n\t"            \
    "1:\n\t"                                \
    "strd r0, r1, [sp, #24]\n\t"            \
    "mov r10, r0\n\t"                       \
    "ldmia.w r1, {r0, r1, r2, r3, r11}\n\t" \
    "strd r3, r11, [sp]\n\t"                \
    "lsr r3, r0, #24\n\t"                   \
    "ldr.w r11, [sp, #88]\n\t"              \
    "sub lr, r3, #1\n\t"                    \
    "lsl r11, r11, lr\n\t"                  \
    "strd r11, r3, [sp, #8]\n\t"

/* Taps (w0, w1, w2) of a kernel row as lanes (w0, w1) and (w1, w2), or (w0, w1) and w2,
 * times 256, so that no low word carries into the result, or for double rounding times 2. */
#define TK_TAPS_256(word)                \
    "and r11, " word ", #0xff00ff00\n\t" \
    "lsl.w r3, " word ", #8\n\t"         \
    "and r3, r3, #0xff00ff00\n\t"
#define TK_TAPS_TWICE(word)            \
    "sxtb16 r3, " word "\n\t"          \
    "sxtb16 r11, " word ", ror #8\n\t" \
    "sadd16 r3, r3, r3\n\t"            \
    "sadd16 r11, r11, r11\n\t"
#define TK_TAPS_1(taps)                                                                                  \
    taps("r0") "pkhbt r4, r3, r11, lsl #16\n\tpkhbt r5, r11, r3\n\t" taps(                               \
        "r1") "pkhbt r6, r3, r11, lsl #16\n\tpkhbt r7, r11, r3\n\t" taps("r2") "pkhbt r8, r3, r11, lsl " \
                                                                               "#16\n\tpkhbt r9, r11, "  \
                                                                               "r3\n\t"
#define TK_TAPS_2(taps)                                                                                 \
    taps("r0") "pkhbt r4, r3, r11, lsl #16\n\tasr r7, r3, #16\n\t" taps(                                \
        "r1") "pkhbt r5, r3, r11, lsl #16\n\tpkhbt r7, r7, r3\n\t" taps("r2") "pkhbt r6, r3, r11, lsl " \
                                                                              "#16\n\tasr r8, r3, #16\n\t"

/* `pair` and `row`: bytes of the planes between pairs of outputs and between rows, as powers of 2. */
#define TK_DEPTHWISE_ROWS(pair, row)    \
    "ldr.w r11, [sp, #32]\n\t"          \
    "ldrd r0, r1, [sp, #80]\n\t"        \
    "lsr r1, r1, #1\n\t"                \
    "lsl r1, r1, #" pair "\n\t"         \
    "add lr, r10, r1\n\t"               \
    "rsb r1, r1, #(1 << " row ")\n\t"   \
    "add r0, r10, r0, lsl #" row "\n\t" \
    "strd r0, r1, [sp, #16]\n\t"        \
    "2:\n\t"

#define TK_ROW_1(at, w01, w12, start)      \
    "ldrd r2, r3, " at "\n\t"              \
    "smlad r0, r2, " w01 ", " start "\n\t" \
    "smlatb r1, r2, " w01 ", r1\n\t"       \
    "smlabt r0, r3, " w12 ", r0\n\t"       \
    "smlad r1, r3, " w12 ", r1\n\t"
#define TK_TWO_OUTPUTS_1                                                                                   \
    "ldr r1, [sp]\n\t" TK_ROW_1("[r10, #256]", "r8", "r9", "r1") TK_ROW_1("[r10, #128]", "r6", "r7", "r0") \
        TK_ROW_1("[r10], #4", "r4", "r5", "r0")
#define TK_ROW_1_LAST(at, w01, w12) \
    "ldrd r2, r3, " at "\n\t"       \
    "smlad r0, r2, " w01 ", r0\n\t" \
    "smlabt r0, r3, " w12 ", r0\n\t"
#define TK_ONE_OUTPUT_1                                                                                  \
    "ldr r0, [sp]\n\t" TK_ROW_1_LAST("[r10, #256]", "r8", "r9") TK_ROW_1_LAST("[r10, #128]", "r6", "r7") \
        TK_ROW_1_LAST("[r10]", "r4", "r5")

#define TK_ROW_2(third, at, w01, smlab, w2, start) \
    "ldr.w r9, " third "\n\t"                      \
    "ldrd r2, r3, " at "\n\t"                      \
    "smlad r0, r2, " w01 ", " start "\n\t"         \
    "smlad r1, r3, " w01 ", r1\n\t" smlab " r0, r3, " w2 ", r0\n\t" smlab " r1, r9, " w2 ", r1\n\t"
#define TK_TWO_OUTPUTS_2                                                                  \
    "ldr r1, [sp]\n\t" TK_ROW_2("[r10, #264]", "[r10, #256]", "r6", "smlabb", "r8", "r1") \
        TK_ROW_2("[r10, #136]", "[r10, #128]", "r5", "smlabt", "r7", "r0")                \
            TK_ROW_2("[r10, #8]", "[r10], #8", "r4", "smlabb", "r7", "r0")
#define TK_ROW_2_LAST(at, w01, smlab, w2) \
    "ldrd r2, r3, " at "\n\t"             \
    "smlad r0, r2, " w01 ", r0\n\t" smlab " r0, r3, " w2 ", r0\n\t"
#define TK_ONE_OUTPUT_2                                                   \
    "ldr r0, [sp]\n\t" TK_ROW_2_LAST("[r10, #256]", "r6", "smlabb", "r8") \
        TK_ROW_2_LAST("[r10, #128]", "r5", "smlabt", "r7") TK_ROW_2_LAST("[r10]", "r4", "smlabb", "r7")

#define TK_ONCE(sum) "smmla " sum ", " sum ", r2, r3\n\t"
#define TK_TWICE(sum)                              \
    "smmulr " sum ", " sum ", r2\n\t"              \
    "add.w " sum ", " sum ", " sum ", asr #31\n\t" \
    "add " sum ", r3\n\t"
#define TK_NARROW(sum) "asr.w " sum ", " sum ", r2\n\tssat " sum ", #8, " sum "\n\t"

#define TK_DEPTHWISE(two, one, round, row)                                                                   \
    "3:\n\t" two "ldrd r2, r3, [sp, #4]\n\t" round("r0") round("r1") "ldr r2, [sp, #12]\n\t" TK_NARROW("r0") \
        TK_NARROW("r1") "strb.w r0, [r11]\n\t"                                                               \
                        "strb.w r1, [r11, r12]\n\t"                                                          \
                        "add.w r11, r11, r12, lsl #1\n\t"                                                    \
                        "cmp r10, lr\n\t"                                                                    \
                        "bne.w 3b\n\t"                                                                       \
                        "ldr r2, [sp, #84]\n\t"                                                              \
                        "lsls r2, r2, #31\n\t"                                                               \
                        "beq.w 4f\n\t" one "ldrd r2, r3, [sp, #4]\n\t" round(                                \
                            "r0") "ldr r2, [sp, #12]\n\t" TK_NARROW("r0") "strb.w r0, [r11]\n\t"             \
                                                                          "add r11, r12\n\t"                 \
                                                                          "4:\n\t"                           \
                                                                          "ldr r2, [sp, #20]\n\t"            \
                                                                          "ldr r3, [sp, #76]\n\t"            \
                                                                          "ldr r0, [sp, #16]\n\t"            \
                                                                          "add.w r10, lr, r2\n\t"            \
                                                                          "add.w lr, lr, #(1 << " row        \
                                                                          ")\n\t"                            \
                                                                          "add r11, r3\n\t"                  \
                                                                          "cmp r10, r0\n\t"                  \
                                                                          "bne.w 2b\n\t"                     \
                                                                          "ldrd r2, r3, [sp, #32]\n\t"       \
                                                                          "ldrd r0, r1, [sp, #24]\n\t"       \
                                                                          "add r2, #1\n\t"                   \
                                                                          "add r0, #32\n\t"                  \
                                                                          "add r1, #20\n\t"                  \
                                                                          "subs r3, #1\n\t"                  \
                                                                          "strd r2, r3, [sp, #32]\n\t"       \
                                                                          "bne.w 1b\n\t"                     \
                                                                          "add sp, #40\n\t"                  \
                                                                          "pop {r4-r11, pc}"

TK_ASSEMBLY void tk_depthwise_1_once_dsp(TK_DEPTHWISE_ARGUMENTS) {
    __asm volatile(TK_DEPTHWISE_PROLOGUE TK_TAPS_1(TK_TAPS_256) TK_DEPTHWISE_ROWS("2", "7")
                       TK_DEPTHWISE(TK_TWO_OUTPUTS_1, TK_ONE_OUTPUT_1, TK_ONCE, "7"));
}
TK_ASSEMBLY void tk_depthwise_1_twice_dsp(TK_DEPTHWISE_ARGUMENTS) {
    __asm volatile(TK_DEPTHWISE_PROLOGUE TK_TAPS_1(TK_TAPS_TWICE) TK_DEPTHWISE_ROWS("2", "7")
                       TK_DEPTHWISE(TK_TWO_OUTPUTS_1, TK_ONE_OUTPUT_1, TK_TWICE, "7"));
}
TK_ASSEMBLY void tk_depthwise_2_once_dsp(TK_DEPTHWISE_ARGUMENTS) {
    __asm volatile(TK_DEPTHWISE_PROLOGUE TK_TAPS_2(TK_TAPS_256) TK_DEPTHWISE_ROWS("3", "8")
                       TK_DEPTHWISE(TK_TWO_OUTPUTS_2, TK_ONE_OUTPUT_2, TK_ONCE, "8"));
}
TK_ASSEMBLY void tk_depthwise_2_twice_dsp(TK_DEPTHWISE_ARGUMENTS) {
    __asm volatile(TK_DEPTHWISE_PROLOGUE TK_TAPS_2(TK_TAPS_TWICE) TK_DEPTHWISE_ROWS("3", "8")
                       TK_DEPTHWISE(TK_TWO_OUTPUTS_2, TK_ONE_OUTPUT_2, TK_TWICE, "8"));
}
#else
TK_INLINE void tk_depthwise_c(TK_DEPTHWISE_ARGUMENTS, int32_t stride, int32_t double_rounding) {
    for (int32_t c = 0; c < 4; ++c, words += 5, planes += TK_PLANE_COLUMNS, ++out) {
        const int32_t multiplier = words[4], shift = (int32_t)((uint32_t)words[0] >> 24);
        const int32_t constant = half * ((int32_t)1 << (shift - 1));
        for (int32_t y = 0; y < rows; ++y) {
            for (int32_t x = 0; x < columns; ++x) {
                const int16_t *from = planes + stride * (y * TK_PLANE_ROW + x);
                int32_t acc = words[3], high;
                for (int32_t tap = 0; tap < 9; ++tap) {
                    const int32_t weight = tk_lane(tk_sxtb16((uint32_t)words[tap / 3] >> (tap % 3 * 8)), 0);
                    acc += from[tap / 3 * TK_PLANE_ROW + tap % 3] * weight * (double_rounding ? 2 : 256);
                }
                const int64_t product = (int64_t)acc * multiplier;
                if (double_rounding) {
                    high = (int32_t)((product + ((int64_t)1 << 31)) >> 32);
                    high -= high < 0;
                } else {
                    high = (int32_t)(product >> 32);
                }
                out[y * (columns * pixel + skip) + x * pixel] =
                    (int8_t)tk_clamp((high + constant) >> shift, -128, 127);
            }
        }
    }
}
#define TK_DEPTHWISE_TWIN(name, stride, double_rounding)                                               \
    static TK_NOINLINE TK_UNUSED void name(TK_DEPTHWISE_ARGUMENTS) {                                   \
        tk_depthwise_c(planes, words, out, pixel, skip, rows, columns, half, stride, double_rounding); \
    }
TK_DEPTHWISE_TWIN(tk_depthwise_1_once_dsp, 1, 0)
TK_DEPTHWISE_TWIN(tk_depthwise_1_twice_dsp, 1, 1)
TK_DEPTHWISE_TWIN(tk_depthwise_2_once_dsp, 2, 0)
TK_DEPTHWISE_TWIN(tk_depthwise_2_twice_dsp, 2, 1)
#endif

#endif
