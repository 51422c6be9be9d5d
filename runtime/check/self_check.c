/* SPDX-License-Identifier: Apache-2.0 */
/* Does this compiler, with these flags, on this machine, compute what the kernels assume? Exits with 0 when it does,
 * else with the number of the first check that fails. Needs no library, so it runs on a board too. */

#include "tk_dsp.h"
#include "tk_fully_connected_s8.h"
#include "tk_fully_connected_s8_dsp.h"
#include "tk_fully_connected_t2.h"
#include "tk_fully_connected_t2_dsp.h"

enum { DEPTH = 37, ROWS = 6, TILES = 2, GROUPS = (DEPTH + 3) / 4 };

/* Numerical Recipes' linear congruential generator; the high bits are the random ones. */
static uint32_t state = 1;
static uint32_t next(void) { return state = state * 1664525u + 1013904223u; }
static int32_t uniform(int32_t low, int32_t high) {
    const uint32_t count = (uint32_t)high - (uint32_t)low + 1u;
    return (int32_t)((uint32_t)low + (next() >> 8) % count);
}

/* C leaves these to the compiler: C99 6.3.1.3 and 6.5.7. volatile keeps them for run time. */
static int integers_behave(void) {
    volatile int32_t minus_seven = -7;
    volatile int32_t two_hundred = 200;
    volatile uint32_t top_bit = 0x80000000u;
    return minus_seven >> 1 == -4 && (int8_t)two_hundred == -56 && (int32_t)top_bit == INT32_MIN;
}

/* floor(acc * multiplier / 2^shift + 1/2), by quotient and remainder instead of a shift. */
static int32_t round_half_up(int32_t acc, int32_t multiplier, int32_t shift) {
    const int64_t unit = (int64_t)1 << shift;
    const int64_t sum = (int64_t)acc * multiplier + unit / 2;
    return (int32_t)(sum / unit - (sum % unit < 0));
}

static int requantization_rounds_once(void) {
    for (int32_t shift = 1; shift <= 62; ++shift) {
        for (int32_t i = 0; i < 200; ++i) {
            const int32_t multiplier = uniform(1 << 30, INT32_MAX);
            /* a result beyond int32 never happens: the accumulator is small where the shift is */
            const int32_t limit = shift < 31 ? 1 << (shift - 1) : 1 << 30;
            const int32_t acc = uniform(-limit, limit);
            if (tk_requantize(acc, multiplier, shift) != round_half_up(acc, multiplier, shift)) return 0;
        }
    }
    return 1;
}

static int lanes_multiply(void) {
    for (int32_t i = 0; i < 1000; ++i) {
        const uint32_t a = next(), b = next();
        const int32_t low = (int32_t)(int16_t)a * (int16_t)b;
        const int32_t high = (int32_t)(int16_t)(a >> 16) * (int16_t)(b >> 16);
        if ((uint32_t)tk_smlad(a, b, (int32_t)a) != a + (uint32_t)low + (uint32_t)high) return 0;
        if (tk_sxtb16_odd(a) != tk_sxtb16(a >> 8)) return 0;
        if (TK_AND_ROR(TK_TERNARY_MASK, a, 8) != ((a >> 8 | a << 24) & TK_TERNARY_MASK)) return 0;
    }
    return 1;
}

/* Both checks below: the portable kernels and those for Armv7E-M, each with its own packing, agree. */

static int8_t input[(DEPTH + 3) & ~3], weight[ROWS][DEPTH], portable[ROWS], packed[ROWS];
static int32_t bias[ROWS], multiplier[ROWS];
static uint8_t shift[ROWS];
static const tk_requant_s8 requant = {multiplier, shift, 1, 3, -128, 127, 0};

static void fill(int32_t largest_weight) {
    for (int32_t k = 0; k < DEPTH; ++k) input[k] = (int8_t)uniform(-128, 127);
    for (int32_t o = 0; o < ROWS; ++o) {
        for (int32_t k = 0; k < DEPTH; ++k) weight[o][k] = (int8_t)uniform(-largest_weight, largest_weight);
        bias[o] = uniform(-1000, 1000);
        multiplier[o] = uniform(1 << 30, INT32_MAX);
        shift[o] = (uint8_t)uniform(largest_weight > 1 ? 40 : 34, largest_weight > 1 ? 42 : 36);
    }
}

static int32_t at(int32_t row, int32_t column) {
    return row < ROWS && column < DEPTH ? weight[row][column] : 0;
}

static int outputs_agree(void) {
    for (int32_t o = 0; o < ROWS; ++o) {
        if (portable[o] != packed[o]) return 0;
    }
    return 1;
}

/* Word `odd` of a group: columns odd and odd + 2, rows row and row + 1. */
static uint32_t two_rows(int32_t row, int32_t column, int32_t odd) {
    const int32_t low = at(row, column + odd) + 256 * at(row + 1, column + odd);
    const int32_t high = at(row, column + odd + 2) + 256 * at(row + 1, column + odd + 2);
    return ((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16;
}

static int int8_kernels_agree(void) {
    static uint32_t words[TILES * GROUPS * 4];
    static int32_t start[TILES * 4];
    fill(127);
    uint32_t *w = words;
    for (int32_t row = 0; row < TILES * 4; row += 4) {
        for (int32_t column = 0; column < GROUPS * 4; column += 4) {
            for (int32_t odd = 0; odd < 2; ++odd) {
                *w++ = two_rows(row, column, odd);
                *w++ = two_rows(row + 2, column, odd);
            }
        }
        for (int32_t pair = 0; pair < 4; pair += 2) {
            const int32_t a = row + pair < ROWS ? bias[row + pair] : 0;
            const int32_t b = row + pair + 1 < ROWS ? bias[row + pair + 1] : 0;
            start[row + pair] = a + 256 * b;
            start[row + pair + 1] = a;
        }
    }
    tk_fully_connected_s8(input, weight[0], bias, &requant, portable, 1, DEPTH, ROWS);
    tk_fully_connected_s8_dsp(input, words, start, &requant, packed, 1, DEPTH, ROWS, GROUPS);
    return outputs_agree();
}

static uint32_t ternary_lane(int32_t row, int32_t column) {
    return ((uint32_t)at(row + 1, column) & 3u) << 14 | (uint32_t)(at(row, column) + 1);
}

static int ternary_kernels_agree(void) {
    static uint8_t fours[TILES * DEPTH], fives[TILES * DEPTH];
    static uint32_t words[TILES * GROUPS], scratch[2 * GROUPS];
    fill(1);
    for (int32_t i = 0; i < TILES * DEPTH; ++i) {
        const int32_t tile = i / DEPTH, k = i % DEPTH;
        int32_t digits = 0;
        for (int32_t row = 0; row < 5; ++row) {
            digits = 3 * digits + at(5 * tile + row, k) + 1;
            if (row < 4) fours[i] = (uint8_t)(fours[i] | (at(4 * tile + row, k) + 1) << 2 * row);
        }
        fives[i] = (uint8_t)((256 * digits + 242) / 243);
    }
    uint32_t *w = words;
    for (int32_t row = 0; row < TILES * 4; row += 4) {
        for (int32_t column = 0; column < GROUPS * 4; column += 4, ++w) {
            for (int32_t i = 0; i < 4; ++i) { /* columns 0 and 2 of both pairs of rows, then 1 and 3 */
                const int32_t pair = row + 2 * (i & 1), k = column + i / 2;
                const uint32_t lanes = ternary_lane(pair, k) | ternary_lane(pair, k + 2) << 16;
                *w |= i ? lanes << (4 * i) | lanes >> (32 - 4 * i) : lanes;
            }
        }
    }
    tk_fully_connected_t2(input, fours, bias, &requant, portable, 1, DEPTH, ROWS);
    tk_fully_connected_t2_dsp(input, words, bias, &requant, scratch, packed, 1, DEPTH, ROWS);
    if (!outputs_agree()) return 0;
    const int32_t total = tk_sum_of_inputs_s8(input, DEPTH);
    for (int32_t o = 0; o < ROWS; o += TK_T3_ROWS) {
        int32_t sums[TK_T3_ROWS] = {0};
        tk_dot_t3(input, fives + o / TK_T3_ROWS * DEPTH, DEPTH, sums);
        for (int32_t i = o; i < tk_min(ROWS, o + TK_T3_ROWS); ++i) {
            packed[i] = tk_requantize_s8(bias[i] - total + sums[i - o], i, &requant);
        }
    }
    return outputs_agree();
}

int main(void) {
    if (!integers_behave()) return 1;
    if (!requantization_rounds_once()) return 2;
    if (!lanes_multiply()) return 3;
    if (!int8_kernels_agree()) return 4;
    if (!ternary_kernels_agree()) return 5;
    return 0;
}
