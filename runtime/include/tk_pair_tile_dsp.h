/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_PAIR_TILE_DSP_H
#define TK_PAIR_TILE_DSP_H

#include "tk_add_short.h"
#include "tk_dsp.h"

#include <stddef.h>

/* The tile of the int8 convolutions: pairs of output channels by three pixels, two channels in one multiply
 * (tk_fully_connected_s8_dsp.h says how). Weights and finishing words come from toolkit/ops/pack_pairs.py:
 *
 *   x       the pixels widened as SXTB16 does, columns (0, 2), (1, 3), ... of the three pixels side by side
 *   w       for every pair and four columns: the words of columns (0, 2) and (1, 3)
 *   finish  eight words a pair: the sums' start (combined, first channel), then multiplier, rounding constant
 *           with the zero point folded in, and shift: of the first channel, of the second
 *   out     the first channel's output; those of the other pixels lie second and third bytes behind it
 *
 * `groups` counts four columns each, `pairs` is at least 1. Where there is an `addend`, it is added as tk_sum_short
 * does, before the sum is stored as `out` is. */

#define TK_PAIR_TILE_ARGUMENTS                                                                              \
    const uint32_t *x TK_UNUSED, const uint32_t *w TK_UNUSED, const int32_t *finish TK_UNUSED,              \
        int8_t *out TK_UNUSED, int32_t second TK_UNUSED, int32_t third TK_UNUSED, int32_t groups TK_UNUSED, \
        int32_t pairs TK_UNUSED
#define TK_PAIR_ADD_ARGUMENTS const int8_t *addend TK_UNUSED, const tk_add_short *form TK_UNUSED

#ifdef TK_HAS_DSP
/* Two columns: r0-r2 are the pixels' words, r4-r6 the combined sums, r7-r9 those of the pair's first channel. */
#define TK_PAIR_COLUMNS(word)        \
    "ldmia lr!, {r0, r1, r2}\n\t"    \
    "smlad r4, " word ", r0, r4\n\t" \
    "smlad r5, " word ", r1, r5\n\t" \
    "smlad r6, " word ", r2, r6\n\t" \
    "sxtb16 " word ", " word "\n\t"  \
    "smlad r7, " word ", r0, r7\n\t" \
    "smlad r8, " word ", r1, r8\n\t" \
    "smlad r9, " word ", r2, r9\n\t"
#define TK_PAIR_GROUP "ldmia r11!, {r3, r12}\n\t" TK_PAIR_COLUMNS("r3") TK_PAIR_COLUMNS("r12")
#define TK_PAIR_GROUP_BYTES "68" /* 17 instructions of 4 bytes */

/* On the stack: finish, out, x, its end, finish's end, where the first block begins; then what was pushed, then the
 * arguments from the fifth. */
#define TK_PAIR_PROLOGUE                                                               \
    "push {r4-r11, lr}\n\t"                                                            \
    "sub sp, #24\n\t"                                                                  \
    "mov r11, r1\n\t"                                                                  \
    "mov r10, r2\n\t"                                                                  \
    "ldrd r4, r5, [sp, #68]\n\t"                                                       \
    "add r5, r2, r5, lsl #5\n\t"                                                       \
    "add r6, r4, r4, lsl #1\n\t"                                                       \
    "add r6, r0, r6, lsl #3\n\t"                                                       \
    "str r3, [sp, #4]\n\t"                                                             \
    "strd r0, r6, [sp, #8]\n\t"                                                        \
    "rsb r4, r4, #0\n\t" /* groups that the first of the blocks of eight leaves out */ \
    "and r4, r4, #7\n\t"                                                               \
    "mov r6, #" TK_PAIR_GROUP_BYTES "\n\t"                                             \
    "adr.w r7, 2f\n\t"                                                                 \
    "mla r4, r4, r6, r7\n\t"                                                           \
    "orr r4, r4, #1\n\t"                                                               \
    "strd r5, r4, [sp, #16]\n\t"

#define TK_PAIR_SUMS                                               \
    "1:\n\t"                                                       \
    "ldmia r10!, {r4, r7}\n\t"                                     \
    "str r10, [sp]\n\t"                                            \
    "mov r5, r4\n\t"                                               \
    "mov r6, r4\n\t"                                               \
    "mov r8, r7\n\t"                                               \
    "mov r9, r7\n\t"                                               \
    "ldrd lr, r10, [sp, #8]\n\t"                                   \
    "ldr.w pc, [sp, #20]\n\t"                                      \
    ".p2align 2\n\t"                                               \
    "2:\n\t"                                                       \
    ".rept 8\n\t" TK_PAIR_GROUP ".endr\n\t"                        \
    "cmp lr, r10\n\t"                                              \
    "bne.w 2b\n\t"                                                 \
    "sub r4, r4, r7\n\t" /* the second channel's sums times 256 */ \
    "sub r5, r5, r8\n\t"                                           \
    "sub r6, r6, r9\n\t"                                           \
    "ldrd r10, lr, [sp]\n\t" TK_PAIR_FINISH
#define TK_PAIR_FINISH "ldmia r10!, {r0, r1, r2}\n\t" /* multiplier, constant, shift */
#define TK_PAIR_OFFSETS "ldrd r3, r12, [sp, #60]\n\t"

#define TK_PAIR_STORE(p0, p1, p2)  \
    "strb.w " p2 ", [lr, r12]\n\t" \
    "strb.w " p1 ", [lr, r3]\n\t"  \
    "strb.w " p0 ", [lr], #1\n\t"

#define TK_PAIR_EPILOGUE    \
    "str lr, [sp, #4]\n\t"  \
    "ldr r0, [sp, #16]\n\t" \
    "cmp r10, r0\n\t"       \
    "bne.w 1b\n\t"          \
    "add sp, #24\n\t"       \
    "pop {r4-r11, pc}"

#define TK_PAIR_ROUND_ONCE(acc)          \
    "smmla " acc ", " acc ", r0, r1\n\t" \
    "asr.w " acc ", " acc ", r2\n\t"     \
    "ssat " acc ", #8, " acc "\n\t"

/* `doubled` makes twice the channel's sum of it; `t` is free. The sum's sign stands for that of the product's high part:
 * where that is 0 and the sum negative, the shift that follows hides the difference. */
#define TK_PAIR_ROUND_TWICE(doubled, acc, t)             \
    doubled "\n\t"                                       \
            "smmlar " t ", " acc ", r0, r1\n\t"          \
            "add.w " acc ", " t ", " acc ", asr #31\n\t" \
            "asr.w " acc ", " acc ", r2\n\t"             \
            "ssat " acc ", #8, " acc "\n\t"

/* As tk_sum_short, with the bounds of int8: of three pixels, whose addends lie as their outputs do. */
#define TK_PAIR_ADD(p0, p1, p2)                                            \
    "ldr r0, [sp, #80]\n\t"                                                \
    "ldm r0, {r0, r1, r2}\n\t"                                             \
    "mla " p0 ", " p0 ", r0, r2\n\t"                                       \
    "mla " p1 ", " p1 ", r0, r2\n\t"                                       \
    "mla " p2 ", " p2 ", r0, r2\n\t"                                       \
    "ldr r0, [sp, #76]\n\t"                                                \
    "ldrsb r2, [r0, r12]\n\t"                                              \
    "mla " p2 ", r2, r1, " p2 "\n\t"                                       \
    "ldrsb r2, [r0, r3]\n\t"                                               \
    "mla " p1 ", r2, r1, " p1 "\n\t"                                       \
    "ldrsb r2, [r0], #1\n\t"                                               \
    "mla " p0 ", r2, r1, " p0 "\n\t"                                       \
    "str r0, [sp, #76]\n\t"                                                \
    "ssat " p2 ", #8, " p2 ", asr #" TK_PAIR_TEXT(                         \
        TK_ADD_SHORT_SHIFT) "\n\t"                                         \
                            "ssat " p1 ", #8, " p1 ", asr #" TK_PAIR_TEXT( \
                                TK_ADD_SHORT_SHIFT) "\n\t"                 \
                                                    "ssat " p0 ", #8, " p0 \
                                                    ", asr #" TK_PAIR_TEXT(TK_ADD_SHORT_SHIFT) "\n\t"
#define TK_PAIR_TEXT(x) TK_PAIR_QUOTED(x)
#define TK_PAIR_QUOTED(x) #x
#define TK_PAIR_ALONE(p0, p1, p2)

/* `ADD` is TK_PAIR_ADD or TK_PAIR_ALONE. */
#define TK_PAIR_TILE_ONCE(ADD)                                                                               \
    TK_PAIR_PROLOGUE TK_PAIR_SUMS TK_PAIR_ROUND_ONCE("r7") TK_PAIR_ROUND_ONCE("r8") TK_PAIR_ROUND_ONCE("r9") \
        TK_PAIR_OFFSETS ADD("r7", "r8", "r9") TK_PAIR_STORE("r7", "r8", "r9")                                \
            TK_PAIR_FINISH TK_PAIR_ROUND_ONCE("r4") TK_PAIR_ROUND_ONCE("r5") TK_PAIR_ROUND_ONCE("r6")        \
                ADD("r4", "r5", "r6") TK_PAIR_STORE("r4", "r5", "r6") TK_PAIR_EPILOGUE

#define TK_PAIR_TILE_TWICE(ADD)                                                                       \
    TK_PAIR_PROLOGUE TK_PAIR_SUMS TK_PAIR_ROUND_TWICE("lsl.w r7, r7, #1", "r7", "r3")                 \
        TK_PAIR_ROUND_TWICE("lsl.w r8, r8, #1", "r8", "r3")                                           \
            TK_PAIR_ROUND_TWICE("lsl.w r9, r9, #1", "r9", "r3") TK_PAIR_OFFSETS ADD("r7", "r8", "r9") \
                TK_PAIR_STORE("r7", "r8", "r9")                                                       \
                    TK_PAIR_FINISH TK_PAIR_ROUND_TWICE("asr.w r4, r4, #7", "r4", "r7")                \
                        TK_PAIR_ROUND_TWICE("asr.w r5, r5, #7", "r5", "r7")                           \
                            TK_PAIR_ROUND_TWICE("asr.w r6, r6, #7", "r6", "r7") ADD("r4", "r5", "r6") \
                                TK_PAIR_STORE("r4", "r5", "r6") TK_PAIR_EPILOGUE

TK_ASSEMBLY void tk_pair_tile_once_dsp(TK_PAIR_TILE_ARGUMENTS) {
    __asm volatile(TK_PAIR_TILE_ONCE(TK_PAIR_ALONE));
}
TK_ASSEMBLY void tk_pair_tile_twice_dsp(TK_PAIR_TILE_ARGUMENTS) {
    __asm volatile(TK_PAIR_TILE_TWICE(TK_PAIR_ALONE));
}
TK_ASSEMBLY void tk_pair_tile_add_once_dsp(TK_PAIR_TILE_ARGUMENTS, TK_PAIR_ADD_ARGUMENTS) {
    __asm volatile(TK_PAIR_TILE_ONCE(TK_PAIR_ADD));
}
TK_ASSEMBLY void tk_pair_tile_add_twice_dsp(TK_PAIR_TILE_ARGUMENTS, TK_PAIR_ADD_ARGUMENTS) {
    __asm volatile(TK_PAIR_TILE_TWICE(TK_PAIR_ADD));
}
#else
/* The same in C. `acc` is the channel's sum times 2^scaled. */
TK_INLINE int8_t tk_finish_once(int32_t acc, const int32_t *finish) {
    return (int8_t)tk_clamp(((int32_t)(((int64_t)acc * finish[0]) >> 32) + finish[1]) >> finish[2], -128,
                            127);
}
TK_INLINE int8_t tk_finish_twice(int32_t twice, const int32_t *finish) {
    const int32_t high = (int32_t)(((int64_t)twice * finish[0] + ((int64_t)1 << 31)) >> 32);
    return (int8_t)tk_clamp((high + finish[1] - (twice < 0)) >> finish[2], -128, 127);
}

TK_INLINE void tk_pair_tile_c(TK_PAIR_TILE_ARGUMENTS, TK_PAIR_ADD_ARGUMENTS, int32_t double_rounding) {
    for (int32_t pair = 0; pair < pairs; ++pair, finish += 8, w += 2 * groups) {
        const int32_t to[3] = {0, second, third};
        for (int32_t i = 2; i >= 0; --i) {
            int32_t both = finish[0], first = finish[1];
            for (int32_t k = 0; k < 2 * groups; ++k) {
                both = tk_smlad(w[k], x[3 * k + i], both);
                first = tk_smlad(tk_sxtb16(w[k]), x[3 * k + i], first);
            }
            const int32_t other = (int32_t)((uint32_t)both - (uint32_t)first); /* times 256 */
            const int32_t at = to[i] + 2 * pair;
            int8_t made =
                double_rounding ? tk_finish_twice(2 * first, finish + 2) : tk_finish_once(first, finish + 2);
            int8_t next =
                double_rounding ? tk_finish_twice(other >> 7, finish + 5) : tk_finish_once(other, finish + 5);
            if (addend) {
                made = tk_sum_short(made, addend[at], form);
                next = tk_sum_short(next, addend[at + 1], form);
            }
            out[at] = made;
            out[at + 1] = next;
        }
    }
}
static TK_NOINLINE TK_UNUSED void tk_pair_tile_once_dsp(TK_PAIR_TILE_ARGUMENTS) {
    tk_pair_tile_c(x, w, finish, out, second, third, groups, pairs, NULL, NULL, 0);
}
static TK_NOINLINE TK_UNUSED void tk_pair_tile_twice_dsp(TK_PAIR_TILE_ARGUMENTS) {
    tk_pair_tile_c(x, w, finish, out, second, third, groups, pairs, NULL, NULL, 1);
}
static TK_NOINLINE TK_UNUSED void tk_pair_tile_add_once_dsp(TK_PAIR_TILE_ARGUMENTS, TK_PAIR_ADD_ARGUMENTS) {
    tk_pair_tile_c(x, w, finish, out, second, third, groups, pairs, addend, form, 0);
}
static TK_NOINLINE TK_UNUSED void tk_pair_tile_add_twice_dsp(TK_PAIR_TILE_ARGUMENTS, TK_PAIR_ADD_ARGUMENTS) {
    tk_pair_tile_c(x, w, finish, out, second, third, groups, pairs, addend, form, 1);
}
#endif

#endif
