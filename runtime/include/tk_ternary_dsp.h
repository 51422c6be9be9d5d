/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_DSP_H
#define TK_TERNARY_DSP_H

#include "tk_dsp.h"

/* Two ternary rows in one multiply: a 16-bit lane 2^14 * b + (a + 1) times x sums 2^14 * B + (A + sum x). Over 32
 * columns A + sum x keeps within 14 bits, so the sum then splits exactly. A 32-bit word holds 16 weights, two pairs of
 * rows by four columns; toolkit/ops/pack_ternary.py says how. */
#define TK_TERNARY_MASK 0xC003C003u

/* The low 14 bits, signed. */
TK_INLINE int32_t tk_low14(uint32_t sum) { return (int32_t)(sum << 18) >> 18; }

/* Split a sum of at most 32 columns and add its parts to the two rows. */
#define TK_TERNARY_SPLIT(sum, row_a, row_b)               \
    do {                                                  \
        const int32_t tk_low = tk_low14((uint32_t)(sum)); \
        (row_a) += tk_low;                                \
        (row_b) += ((sum)-tk_low) >> 14;                  \
    } while (0)

/* Sum of `count` widened lanes (a multiple of 2), words `step` apart. */
TK_INLINE int32_t tk_sum_lanes_dsp(const uint32_t *x, int32_t count, int32_t step) {
    int32_t sum = 0;
    for (int32_t k = 0; k < count; k += 2, x += step) sum = tk_smlad(*x, 0x00010001u, sum);
    return sum;
}

/* Widen one row of inputs to `to`, columns up to a multiple of eight becoming 0. Returns minus their sum. */
static TK_NOINLINE TK_UNUSED int32_t tk_widen_row_dsp(const int8_t *input, int32_t depth, uint32_t *to) {
    const int32_t padded = (depth + 7) & ~7;
    int32_t k = 0, minus = 0;
    for (; k < padded; k += 4, to += 2) {
        uint32_t word = 0;
        if (k + 4 <= depth) {
            word = tk_load4(input + k);
        } else {
            for (int32_t i = depth - 1; i >= k; --i) word = word << 8 | (uint8_t)input[i];
        }
        to[0] = tk_sxtb16(word);
        to[1] = tk_sxtb16_odd(word);
        minus = tk_smlad(to[1], 0xFFFFFFFFu, tk_smlad(to[0], 0xFFFFFFFFu, minus));
    }
    return minus;
}

/* Sums of four rows over `padded` widened columns; `minus` is minus the sum of those. Returns the weights' end. */
TK_INLINE const uint32_t *tk_four_rows_t2_dsp(const uint32_t *x, const uint32_t *w, int32_t padded,
                                              int32_t minus, int32_t *acc) {
    acc[0] = acc[2] = minus;
    acc[1] = acc[3] = 0;
    for (int32_t left = padded; left > 0; left -= 32) {
        int32_t p = 0, q = 0;
        for (int32_t n = tk_min(left, 32); n > 0; n -= 4, x += 2) {
            const uint32_t word = *w++;
            p = tk_smlad(word & TK_TERNARY_MASK, x[0], p);
            q = tk_smlad(TK_AND_ROR(TK_TERNARY_MASK, word, 4), x[0], q);
            p = tk_smlad(TK_AND_ROR(TK_TERNARY_MASK, word, 8), x[1], p);
            q = tk_smlad(TK_AND_ROR(TK_TERNARY_MASK, word, 12), x[1], q);
        }
        TK_TERNARY_SPLIT(p, acc[0], acc[1]);
        TK_TERNARY_SPLIT(q, acc[2], acc[3]);
    }
    return w;
}

/* How both assembly functions finish a sum. `t` is free; as in tk_pair_tile_dsp.h. */
#define TK_TERNARY_ONCE(doubled, acc, multiplier, constant, shift, t) \
    "smmla " acc ", " acc ", " multiplier ", " constant "\n\t"        \
    "asr.w " acc ", " acc ", " shift "\n\t"                           \
    "ssat " acc ", #8, " acc "\n\t"
#define TK_TERNARY_TWICE(doubled, acc, multiplier, constant, shift, t) \
    doubled "\n\t"                                                     \
            "smmlar " t ", " acc ", " multiplier ", " constant "\n\t"  \
            "add.w " acc ", " t ", " acc ", asr #31\n\t"               \
            "asr.w " acc ", " acc ", " shift "\n\t"                    \
            "ssat " acc ", #8, " acc "\n\t"
/* Add 16 times row a's sum to 16 times its bias. */
#define TK_TERNARY_ADD_BIAS(acc, bias) "add.w " acc ", " bias ", " acc ", lsl #4\n\t"
/* Twice the sum, of 16 times row a's and of 2^14 times row b's. */
#define TK_TERNARY_DOUBLED_A(acc) "asr.w " acc ", " acc ", #3"
#define TK_TERNARY_DOUBLED_B(acc) "asr.w " acc ", " acc ", #13"

#ifndef TK_HAS_DSP
/* The same in C. `finish`: multiplier, constant, shift. */
TK_INLINE int8_t tk_ternary_finish(int32_t acc, int32_t twice, const int32_t *finish,
                                   int32_t double_rounding) {
    int32_t high = (int32_t)(((int64_t)acc * finish[0]) >> 32);
    if (double_rounding)
        high = (int32_t)(((int64_t)twice * finish[0] + ((int64_t)1 << 31)) >> 32) - (twice < 0);
    return (int8_t)tk_clamp((high + finish[1]) >> finish[2], -128, 127);
}

/* One pixel by a tile of four rows and `groups` of four columns, x's words `step` apart. `long_sums`: row a's sum is split
 * off every eight groups from the end. `minus` is minus the sum of x. */
TK_INLINE void tk_ternary_tile_c(const uint32_t *x, int32_t step, int32_t minus, const uint32_t *w,
                                 const int32_t *finish, int32_t groups, int32_t long_sums,
                                 int32_t double_rounding, int8_t *out) {
    for (int32_t pair = 0; pair < 2; ++pair) {
        const int32_t *const words = finish + 2 + 7 * pair;
        int32_t both = (int32_t)((uint32_t)finish[pair] + (uint32_t)minus), first = minus;
        for (int32_t k = 0; k < groups; ++k) {
            both = tk_smlad(tk_ror(w[k], 4 * pair) & TK_TERNARY_MASK, x[2 * k * step], both);
            both = tk_smlad(tk_ror(w[k], 4 * pair + 8) & TK_TERNARY_MASK, x[(2 * k + 1) * step], both);
            if (long_sums && (groups - 1 - k) % 8 == 0) first += tk_low14((uint32_t)both - (uint32_t)first);
        }
        if (!long_sums) first = tk_low14((uint32_t)both);
        const int32_t other = (int32_t)((uint32_t)both - (uint32_t)first);
        first = 16 * first + words[0];
        out[2 * pair] = tk_ternary_finish(first, first >> 3, words + 1, double_rounding);
        out[2 * pair + 1] = tk_ternary_finish(other, other >> 13, words + 4, double_rounding);
    }
}
#endif

#endif
