/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_PLANES_DSP_H
#define TK_PLANES_DSP_H

#include "tk_copy_dsp.h"

/* The input of a depthwise tile: four channels, gathered from NHWC into rows of 16-bit values, 16 columns a channel. */
enum { TK_PLANE_COLUMNS = 16, TK_PLANE_ROW = 64 /* values, of all four channels */ };

static TK_NOINLINE TK_UNUSED void tk_fill_planes_dsp(int16_t *planes, int32_t rows, int32_t value) {
    TK_ROLLED for (int32_t i = 0; i < rows * TK_PLANE_ROW; i += 4) {
        planes[i] = planes[i + 1] = planes[i + 2] = planes[i + 3] = (int16_t)value;
    }
}

/* Gather four channels of rows x columns pixels, `pixel` and `line` bytes apart. */
#define TK_GATHER_ARGUMENTS                                                                                \
    const int8_t *from TK_UNUSED, int32_t pixel TK_UNUSED, int32_t line TK_UNUSED, int32_t rows TK_UNUSED, \
        int32_t columns TK_UNUSED, int16_t *to TK_UNUSED
#ifdef TK_HAS_DSP
TK_ASSEMBLY void tk_gather_planes_dsp(TK_GATHER_ARGUMENTS) {
    __asm volatile("push {r4-r11, lr}\n\t"
                   "ldrd r4, r5, [sp, #36]\n\t"
                   "1:\n\t"
                   "mov r6, r0\n\t"
                   "mov r7, r5\n\t"
                   "bic r8, r4, #1\n\t"
                   "add r8, r7, r8, lsl #1\n\t"
                   "cmp r7, r8\n\t"
                   "beq 3f\n\t"
                   "2:\n\t" /* two pixels */
                   "ldr.w r9, [r6]\n\t"
                   "ldr.w r10, [r6, r1]\n\t"
                   "add r6, r6, r1, lsl #1\n\t"
                   "sxtb16 r11, r9, ror #8\n\t"
                   "sxtb16 r12, r10, ror #8\n\t"
                   "sxtb16 r9, r9\n\t"
                   "sxtb16 r10, r10\n\t"
                   "pkhbt lr, r11, r12, lsl #16\n\t"
                   "pkhtb r12, r12, r11, asr #16\n\t"
                   "pkhbt r11, r9, r10, lsl #16\n\t"
                   "pkhtb r10, r10, r9, asr #16\n\t"
                   "str.w lr, [r7, #32]\n\t" /* STR alone of the wide stores need not be aligned */
                   "str.w r10, [r7, #64]\n\t"
                   "str.w r12, [r7, #96]\n\t"
                   "str.w r11, [r7], #4\n\t"
                   "cmp r7, r8\n\t"
                   "bne 2b\n\t"
                   "3:\n\t"
                   "lsls r9, r4, #31\n\t"
                   "beq 4f\n\t"
                   "ldr.w r9, [r6]\n\t"
                   "sxtb16 r10, r9\n\t"
                   "sxtb16 r11, r9, ror #8\n\t"
                   "strh.w r10, [r7]\n\t"
                   "strh.w r11, [r7, #32]\n\t"
                   "lsr r10, r10, #16\n\t"
                   "lsr r11, r11, #16\n\t"
                   "strh.w r10, [r7, #64]\n\t"
                   "strh.w r11, [r7, #96]\n\t"
                   "4:\n\t"
                   "add r0, r2\n\t"
                   "add r5, #128\n\t"
                   "subs r3, #1\n\t"
                   "bne 1b\n\t"
                   "pop {r4-r11, pc}");
}
#else
static TK_NOINLINE TK_UNUSED void tk_gather_planes_dsp(TK_GATHER_ARGUMENTS) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t i = 0; i < columns; ++i) {
            for (int32_t c = 0; c < 4; ++c) {
                to[row * TK_PLANE_ROW + c * TK_PLANE_COLUMNS + i] = from[row * line + i * pixel + c];
            }
        }
    }
}
#endif

#endif
