/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_H
#define TK_TERNARY_H

#include "tk.h"

/* Ternary weights, a byte for one column of several rows: four in two bits each (t2), or five in base 3 (t3). Of such a
 * group of rows there is a byte for every column; groups follow one another; rows that are missing hold weight 0.
 * docs/ternary.md is the specification, and the same for every processor.
 *
 * What is stored is a code, weight + 1. So sum(weight * x) = sum(code * x) - sum(x), and the last term serves every row. */

#define TK_T2_ROWS 4 /* of a group: row r in bits 2r and 2r + 1 */
#define TK_T3_ROWS \
    5 /* ceil(256 v / 243), where the codes of rows 0, 1, ... are the digits of v, highest first */

/* Columns that are summed at once: the scaled sums of that many fit in 32 bits. */
#define TK_TERNARY_PART 16384

/* Sum of x over `depth` values. */
TK_INLINE int32_t tk_sum_of_inputs_s8(const int8_t *x, int32_t depth) {
    int32_t sum = 0;
    for (int32_t k = 0; k < depth; ++k) sum += x[k];
    return sum;
}

/* Add to sums[0 .. 3] what code * x sums to in a group's rows. A field that stays where it is counts 4 or 16 times. */
TK_INLINE void tk_dot_t2(const int8_t *x, const TK_ROM uint8_t *group, int32_t depth, int32_t *sums) {
    for (int32_t first = 0; first < depth; first += TK_TERNARY_PART) {
        const int32_t end = tk_min(depth, first + TK_TERNARY_PART);
        int32_t a = 0, b = 0, c = 0, d = 0;
        for (int32_t k = first; k < end; ++k) {
            const int32_t codes = group[k], value = x[k];
            a += (codes & 3) * value;
            b += (codes & 12) * value;
            c += (codes & 48) * value;
            d += (codes >> 6) * value;
        }
        sums[0] += a;
        sums[1] += b >> 2;
        sums[2] += c >> 4;
        sums[3] += d;
    }
}

/* Add to sums[0 .. 4] what code * x sums to in a group's rows. With y a byte, 3 y is 256 times its first digit and what
 * the byte 3 y holds, which begins with the next one: so the sums of bytes are enough, and no digit is ever cut out. */
TK_INLINE void tk_dot_t3(const int8_t *x, const TK_ROM uint8_t *group, int32_t depth, int32_t *sums) {
    for (int32_t first = 0; first < depth; first += TK_TERNARY_PART) {
        const int32_t end = tk_min(depth, first + TK_TERNARY_PART);
        int32_t acc[TK_T3_ROWS + 1] = {0};
        for (int32_t k = first; k < end; ++k) {
            const int32_t value = x[k];
            int32_t y = group[k];
            for (int32_t row = 0; row <= TK_T3_ROWS; ++row) {
                acc[row] += y * value;
                y = (3 * y) & 255;
            }
        }
        for (int32_t row = 0; row < TK_T3_ROWS; ++row) {
            sums[row] += (3 * acc[row] - acc[row + 1]) >> 8; /* 3 * 255 * 128 * 16384 fits */
        }
    }
}

#endif
