/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_TILE_DSP_H
#define TK_TERNARY_TILE_DSP_H

#include "tk_ternary_dsp.h"

/* The tile of the ternary convolutions: four output channels by three pixels. One AND pulls two channels by two columns
 * out of a word, for three SMLADs. Constants come from toolkit/ops/pack_ternary.py and toolkit/ops/ternary_finish.py:
 *
 *   x       minus the pixels' sums, then the pixels widened as SXTB16 does, side by side
 *   w       for every tile and four columns a word
 *   finish  sixteen words a tile: the start of both pairs' sums, 2^14 times row b's bias; then for each pair 16
 *           times row a's bias, multiplier, rounding constant with the zero point folded in, and shift, and the last three of row b
 *   out     the first channel's output; those of the other pixels lie second and third bytes behind it
 *
 * `groups` counts four columns each. The short tile splits the pairs' sums once, at the end: where all sums of rows a
 * stay within 14 bits. The long one splits off row a's every 32 columns. */

#define TK_TERNARY_TILE_ARGUMENTS                                                                           \
    const uint32_t *x TK_UNUSED, const uint32_t *w TK_UNUSED, const int32_t *finish TK_UNUSED,              \
        int8_t *out TK_UNUSED, int32_t second TK_UNUSED, int32_t third TK_UNUSED, int32_t groups TK_UNUSED, \
        int32_t tiles TK_UNUSED

#ifdef TK_HAS_DSP
/* Two columns of both pairs: r0-r2 are the pixels' words, r4-r6 and r7-r9 the pairs' sums, r3 the weights, r10 the mask. */
#define TK_TERNARY_TILE_COLUMNS(pair_a, pair_b) \
    "ldmia lr!, {r0, r1, r2}\n\t"               \
    "and.w r12, r10, r3" pair_a "\n\t"          \
    "smlad r4, r12, r0, r4\n\t"                 \
    "smlad r5, r12, r1, r5\n\t"                 \
    "smlad r6, r12, r2, r6\n\t"                 \
    "and.w r12, r10, r3" pair_b "\n\t"          \
    "smlad r7, r12, r0, r7\n\t"                 \
    "smlad r8, r12, r1, r8\n\t"                 \
    "smlad r9, r12, r2, r9\n\t"
#define TK_TERNARY_GROUP                                              \
    "ldr.w r3, [r11], #4\n\t" TK_TERNARY_TILE_COLUMNS("", ", ror #4") \
        TK_TERNARY_TILE_COLUMNS(", ror #8", ", ror #12")
#define TK_TERNARY_GROUP_BYTES "76" /* 19 instructions of 4 bytes */

/* On the stack: finish, out, x, its end, finish's end, where the first block begins, the mask, w, and rows a's sums of the
 * long tile; then what was pushed, then the arguments from the fifth. */
#define TK_TERNARY_PROLOGUE                                                            \
    "push {r4-r11, lr}\n\t"                                                            \
    "sub sp, #56\n\t"                                                                  \
    "mov r11, r1\n\t"                                                                  \
    "ldrd r4, r5, [sp, #100]\n\t"                                                      \
    "add r5, r2, r5, lsl #6\n\t"                                                       \
    "add r6, r4, r4, lsl #1\n\t"                                                       \
    "add r6, r0, r6, lsl #3\n\t"                                                       \
    "add.w r6, r6, #12\n\t"                                                            \
    "strd r2, r3, [sp]\n\t"                                                            \
    "strd r0, r6, [sp, #8]\n\t"                                                        \
    "rsb r4, r4, #0\n\t" /* groups that the first of the blocks of eight leaves out */ \
    "and r4, r4, #7\n\t"                                                               \
    "mov r6, #" TK_TERNARY_GROUP_BYTES "\n\t"                                          \
    "adr.w r7, 2f\n\t"                                                                 \
    "mla r4, r4, r6, r7\n\t"                                                           \
    "orr r4, r4, #1\n\t"                                                               \
    "strd r5, r4, [sp, #16]\n\t"                                                       \
    "movw r10, #0xC003\n\t"                                                            \
    "movt r10, #0xC003\n\t"                                                            \
    "str r10, [sp, #24]\n\t"

#define TK_TERNARY_SUMS(start, split)                                        \
    "1:\n\t"                                                                 \
    "ldr r12, [sp]\n\t"                                                      \
    "ldmia r12!, {r4, r7}\n\t"                                               \
    "str r12, [sp]\n\t"                                                      \
    "ldr lr, [sp, #8]\n\t"                                                   \
    "ldmia lr!, {r0, r1, r2}\n\t" start "add r5, r4, r1\n\t"                 \
    "add r6, r4, r2\n\t"                                                     \
    "add r4, r4, r0\n\t"                                                     \
    "add r8, r7, r1\n\t"                                                     \
    "add r9, r7, r2\n\t"                                                     \
    "add r7, r7, r0\n\t"                                                     \
    "ldr r10, [sp, #24]\n\t"                                                 \
    "ldr.w pc, [sp, #20]\n\t"                                                \
    ".p2align 2\n\t"                                                         \
    "2:\n\t"                                                                 \
    ".rept 8\n\t" TK_TERNARY_GROUP ".endr\n\t" split "ldr r0, [sp, #12]\n\t" \
    "cmp lr, r0\n\t"                                                         \
    "bne.w 2b\n\t"                                                           \
    "str r11, [sp, #28]\n\t"                                                 \
    "ldr lr, [sp]\n\t"

/* Rows a's sums are kept beside, and what a block added to them is in the low 14 bits of what both hold. */
#define TK_TERNARY_START_LONG    \
    "strd r0, r1, [sp, #32]\n\t" \
    "strd r2, r0, [sp, #40]\n\t" \
    "strd r1, r2, [sp, #48]\n\t"
#define TK_TERNARY_SPLIT_TWO(at, first, second) \
    "ldrd r0, r1, [sp, #" at "]\n\t"            \
    "sub.w r2, " first ", r0\n\t"               \
    "sub.w r3, " second ", r1\n\t"              \
    "sbfx r2, r2, #0, #14\n\t"                  \
    "sbfx r3, r3, #0, #14\n\t"                  \
    "add r0, r0, r2\n\t"                        \
    "add r1, r1, r3\n\t"                        \
    "strd r0, r1, [sp, #" at "]\n\t"
#define TK_TERNARY_SPLIT_LONG              \
    TK_TERNARY_SPLIT_TWO("32", "r4", "r5") \
    TK_TERNARY_SPLIT_TWO("40", "r6", "r7") TK_TERNARY_SPLIT_TWO("48", "r8", "r9")
#define TK_TERNARY_FIRST_SHORT(to, from, at) "sbfx " to ", " from ", #0, #14\n\t"
#define TK_TERNARY_FIRST_LONG(to, from, at) "ldr " to ", [sp, #" at "]\n\t"

/* A pair's six outputs, pixel by pixel, to the lower halves of p0, p1, p2. */
#define TK_TERNARY_PAIR(first, finish, p0, p1, p2, s0, s1, s2, at0, at1, at2)                               \
    "ldmia lr!, {r0, r1, r2, r3}\n\t" first(p0, s0, at0) first(p1, s1, at1) first(                          \
        p2, s2,                                                                                             \
        at2) "sub.w " s0 ", " s0 ", " p0 "\n\t"                                                             \
             "sub.w " s1 ", " s1 ", " p1 "\n\t"                                                             \
             "sub.w " s2 ", " s2 ", " p2 "\n\t" TK_TERNARY_ADD_BIAS(p0, "r0") TK_TERNARY_ADD_BIAS(p1, "r0") \
                 TK_TERNARY_ADD_BIAS(p2, "r0") finish(TK_TERNARY_DOUBLED_A(p0), p0, "r1", "r2", "r3", "r0") \
                     finish(TK_TERNARY_DOUBLED_A(p1), p1, "r1", "r2", "r3", "r0")                           \
                         finish(TK_TERNARY_DOUBLED_A(p2), p2, "r1", "r2", "r3",                             \
                                "r0") "ldmia lr!, {r1, r2, r3}\n\t" finish(TK_TERNARY_DOUBLED_B(s0), s0,    \
                                                                           "r1", "r2", "r3", "r0")          \
                             finish(TK_TERNARY_DOUBLED_B(s1), s1, "r1", "r2", "r3", "r0")                   \
                                 finish(TK_TERNARY_DOUBLED_B(s2), s2, "r1", "r2", "r3",                     \
                                        "r0") "bfi " p0 ", " s0 ", #8, #8\n\t"                              \
                                              "bfi " p1 ", " s1 ", #8, #8\n\t"                              \
                                              "bfi " p2 ", " s2 ", #8, #8\n\t"

#define TK_TERNARY_TILE(first, finish)                                                      \
    TK_TERNARY_PAIR(first, finish, "r10", "r11", "r12", "r4", "r5", "r6", "32", "36", "40") \
    TK_TERNARY_PAIR(first, finish, "r4", "r5", "r6", "r7", "r8", "r9", "44", "48", "52")    \
    "pkhbt r10, r10, r4, lsl #16\n\t"                                                       \
    "pkhbt r11, r11, r5, lsl #16\n\t"                                                       \
    "pkhbt r12, r12, r6, lsl #16\n\t"                                                       \
    "ldr r0, [sp, #4]\n\t"                                                                  \
    "ldrd r1, r2, [sp, #92]\n\t"                                                            \
    "str.w r12, [r0, r2]\n\t"                                                               \
    "str.w r11, [r0, r1]\n\t"                                                               \
    "str.w r10, [r0], #4\n\t"                                                               \
    "strd lr, r0, [sp]\n\t"                                                                 \
    "ldr r11, [sp, #28]\n\t"                                                                \
    "ldr r0, [sp, #16]\n\t"                                                                 \
    "cmp lr, r0\n\t"                                                                        \
    "bne.w 1b\n\t"                                                                          \
    "add sp, #56\n\t"                                                                       \
    "pop {r4-r11, pc}"

#define TK_TERNARY_TILES(name, start, split, first, finish)                                               \
    TK_ASSEMBLY void name(TK_TERNARY_TILE_ARGUMENTS) {                                                    \
        __asm volatile(TK_TERNARY_PROLOGUE TK_TERNARY_SUMS(start, split) TK_TERNARY_TILE(first, finish)); \
    }
TK_TERNARY_TILES(tk_ternary_tile_once_dsp, "", "", TK_TERNARY_FIRST_SHORT, TK_TERNARY_ONCE)
TK_TERNARY_TILES(tk_ternary_tile_twice_dsp, "", "", TK_TERNARY_FIRST_SHORT, TK_TERNARY_TWICE)
TK_TERNARY_TILES(tk_ternary_long_tile_once_dsp, TK_TERNARY_START_LONG, TK_TERNARY_SPLIT_LONG,
                 TK_TERNARY_FIRST_LONG, TK_TERNARY_ONCE)
TK_TERNARY_TILES(tk_ternary_long_tile_twice_dsp, TK_TERNARY_START_LONG, TK_TERNARY_SPLIT_LONG,
                 TK_TERNARY_FIRST_LONG, TK_TERNARY_TWICE)
#else
#define TK_TERNARY_TILES(name, long_sums, double_rounding)                                   \
    static TK_NOINLINE TK_UNUSED void name(TK_TERNARY_TILE_ARGUMENTS) {                      \
        for (int32_t tile = 0; tile < tiles; ++tile, finish += 16, w += groups, out += 4) {  \
            for (int32_t i = 2; i >= 0; --i) {                                               \
                tk_ternary_tile_c(x + 3 + i, 3, (int32_t)x[i], w, finish, groups, long_sums, \
                                  double_rounding,                                           \
                                  out + (i == 2   ? third                                    \
                                         : i == 1 ? second                                   \
                                                  : 0));                                     \
            }                                                                                \
        }                                                                                    \
    }
TK_TERNARY_TILES(tk_ternary_tile_once_dsp, 0, 0)
TK_TERNARY_TILES(tk_ternary_tile_twice_dsp, 0, 1)
TK_TERNARY_TILES(tk_ternary_long_tile_once_dsp, 1, 0)
TK_TERNARY_TILES(tk_ternary_long_tile_twice_dsp, 1, 1)
#endif

/* Minus the sums of three pixels, side by side behind `x`, `groups` of four columns each, to x[0] to x[2]. */
#ifdef TK_HAS_DSP
TK_ASSEMBLY void tk_three_sums_dsp(uint32_t *x TK_UNUSED, int32_t groups TK_UNUSED) {
    __asm volatile("push {r4-r11, lr}\n\t"
                   "add r1, r1, r1, lsl #1\n\t"
                   "add.w r12, r0, #12\n\t"
                   "add lr, r12, r1, lsl #3\n\t"
                   "mov r1, #0\n\t"
                   "mov r2, #0\n\t"
                   "mov r3, #0\n\t"
                   "mvn r4, #0\n\t" /* minus one, twice */
                   "1:\n\t"
                   "ldmia r12!, {r5, r6, r7, r8, r9, r10}\n\t"
                   "smlad r1, r5, r4, r1\n\t"
                   "smlad r2, r6, r4, r2\n\t"
                   "smlad r3, r7, r4, r3\n\t"
                   "smlad r1, r8, r4, r1\n\t"
                   "smlad r2, r9, r4, r2\n\t"
                   "smlad r3, r10, r4, r3\n\t"
                   "cmp r12, lr\n\t"
                   "bne.n 1b\n\t"
                   "stmia r0!, {r1, r2, r3}\n\t"
                   "pop {r4-r11, pc}");
}
#else
static TK_NOINLINE TK_UNUSED void tk_three_sums_dsp(uint32_t *x, int32_t groups) {
    for (int32_t i = 0; i < 3; ++i) x[i] = (uint32_t)-tk_sum_lanes_dsp(x + 3 + i, 4 * groups, 3);
}
#endif

#endif
