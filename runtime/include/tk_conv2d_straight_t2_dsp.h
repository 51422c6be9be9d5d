/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_STRAIGHT_T2_DSP_H
#define TK_CONV2D_STRAIGHT_T2_DSP_H

#include "tk_ternary_dsp.h"
#include "tk_window.h"

/* Weights as code: a function that toolkit/ops/straight_line.py writes for a layer adds up two pixels at a time, one in
 * each 16-bit lane.
 *
 *   x       for every two columns x and y the words x, y, x + y, x - y
 *   table   for every eight rows their sums' starts, then multiplier and rounding constant of each
 *   first   the first pixel's outputs; second those of the other */
#define TK_STRAIGHT_ARGUMENTS                                                             \
    const uint32_t *x TK_UNUSED, const int32_t *table TK_UNUSED, int8_t *first TK_UNUSED, \
        int8_t *second TK_UNUSED
typedef void tk_straight_function(TK_STRAIGHT_ARGUMENTS);

/* The words of `count` columns (a multiple of 4) of two pixels. */
#define TK_SUMS_AND_DIFFERENCES_ARGUMENTS \
    const int8_t *p TK_UNUSED, const int8_t *q TK_UNUSED, int32_t count TK_UNUSED, uint32_t *to TK_UNUSED
#ifdef TK_HAS_DSP
TK_ASSEMBLY void tk_sums_and_differences_dsp(TK_SUMS_AND_DIFFERENCES_ARGUMENTS) {
    __asm volatile("push {r4-r11, lr}\n\t"
                   "add r2, r0, r2\n\t"
                   "1:\n\t"
                   "ldr.w r10, [r0], #4\n\t"
                   "ldr.w r11, [r1], #4\n\t"
                   "sxtb16 r12, r10\n\t"
                   "sxtb16 lr, r11\n\t"
                   "pkhbt r4, r12, lr, lsl #16\n\t"
                   "pkhtb r8, lr, r12, asr #16\n\t"
                   "sxtb16 r12, r10, ror #8\n\t"
                   "sxtb16 lr, r11, ror #8\n\t"
                   "pkhbt r5, r12, lr, lsl #16\n\t"
                   "pkhtb r9, lr, r12, asr #16\n\t"
                   "sadd16 r6, r4, r5\n\t"
                   "ssub16 r7, r4, r5\n\t"
                   "sadd16 r10, r8, r9\n\t"
                   "ssub16 r11, r8, r9\n\t"
                   "cmp r0, r2\n\t"
                   "stmia r3!, {r4, r5, r6, r7, r8, r9, r10, r11}\n\t"
                   "bne.n 1b\n\t"
                   "pop {r4-r11, pc}");
}
#else
TK_INLINE uint32_t tk_lanes(int32_t low, int32_t high) {
    return ((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16;
}
static TK_NOINLINE TK_UNUSED void tk_sums_and_differences_dsp(TK_SUMS_AND_DIFFERENCES_ARGUMENTS) {
    for (int32_t k = 0; k < count; k += 2, to += 4) {
        to[0] = tk_lanes(p[k], q[k]);
        to[1] = tk_lanes(p[k + 1], q[k + 1]);
        to[2] = tk_lanes(p[k] + p[k + 1], q[k] + q[k + 1]);
        to[3] = tk_lanes(p[k] - p[k + 1], q[k] - q[k + 1]);
    }
}

/* What the assembly of a layer does, from weights in two bits (tk_ternary.h). */
TK_INLINE void tk_straight_c(TK_STRAIGHT_ARGUMENTS, const uint8_t *codes, const uint8_t *shifts,
                             int32_t channels, int32_t depth) {
    for (int32_t block = 0; block < channels; block += 8) {
        const int32_t rows = tk_min(8, channels - block);
        for (int32_t row = 0; row < rows; ++row) {
            const uint8_t *const code = codes + (block + row) / 4 * depth;
            const int32_t multiplier = table[rows + 2 * row], constant = table[rows + 2 * row + 1];
            for (int high = 0; high <= 1; ++high) {
                int32_t sum = tk_lane((uint32_t)table[row], high);
                for (int32_t k = 0; k < depth; ++k) {
                    sum += ((code[k] >> (row % 4 * 2) & 3) - 1) * tk_lane(x[k / 2 * 4 + k % 2], high);
                }
                const int32_t scaled = (int32_t)(((int64_t)multiplier * sum) >> 16) + constant;
                (high ? second : first)[block + row] =
                    (int8_t)tk_clamp(scaled >> shifts[block + row], -128, 127);
            }
        }
        table += 3 * rows;
    }
}
#endif

/* As tk_conv2d_t2, by a function of the layer's own. The outputs lie in min .. max. `scratch` holds 8 bytes for each
 * column of a window, rounded up to 4, and two windows of bytes unless pixels are read as they lie. */
TK_KERNEL void tk_conv2d_straight_t2_dsp(const int8_t *input, int32_t zero_point, tk_straight_function *rows,
                                         const int32_t *table, int32_t min, int32_t max, uint32_t *scratch,
                                         int8_t *output, const tk_window *window) {
    const int32_t depth = window->kernel_h * window->kernel_w * window->in_c, padded = (depth + 3) & ~3;
    const int32_t channels = window->out_c, pixels = window->out_h * window->out_w;
    const int32_t direct = tk_is_pointwise(window) && depth == padded;
    int8_t *const bytes = (int8_t *)(scratch + 2 * padded);
    if (!direct) {
        for (int32_t k = depth; k < padded; ++k) bytes[k] = bytes[padded + k] = 0;
    }
    TK_ROLLED for (int32_t p = 0; p < pixels; p += 2, output += 2 * channels) {
        const int32_t q = tk_min(p + 1, pixels - 1);
        if (direct) {
            tk_sums_and_differences_dsp(input + p * depth, input + q * depth, depth, scratch);
        } else {
            tk_im2col_s8(input, p / window->out_w, p % window->out_w, zero_point, bytes, window);
            tk_im2col_s8(input, q / window->out_w, q % window->out_w, zero_point, bytes + padded, window);
            tk_sums_and_differences_dsp(bytes, bytes + padded, padded, scratch);
        }
        rows(scratch, table, output, output + (q - p) * channels);
        if (min > -128 || max < 127) {
            const int32_t end = (q - p + 1) * channels;
            TK_ROLLED for (int32_t i = 0; i < end; ++i) output[i] = (int8_t)tk_clamp(output[i], min, max);
        }
    }
}

#endif
