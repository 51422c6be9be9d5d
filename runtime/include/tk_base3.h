/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BASE3_H
#define TK_BASE3_H

#include "tk_words.h"

/* Ternary weights in 1.6 bits: the codes (weight + 1) of five columns are the base-3 digits of a byte, the first column's
 * the highest. A table holds what any five codes make of five columns' words (tk_words.h), so five products take one load
 * from it. The last row's codes are all 1: its sum is what the codes add too much to every other row. */
#define TK_BASE3_ENTRIES 243

/* What the codes of five columns make of their words; the first column's code counts 81 entries, the last one's 1. */
TK_INLINE void tk_base3_table(const uint32_t *words, uint32_t *table) {
    const uint32_t a = words[0], b = words[1], c = words[2], d = words[3], e = words[4];
    TK_ROLLED for (int32_t first = 0; first < 3; ++first) {
        TK_ROLLED for (int32_t second = 0; second < 3; ++second) {
            uint32_t sum = (uint32_t)first * a + (uint32_t)second * b;
            TK_ROLLED for (int32_t third = 0; third < 3; ++third, sum += c, table += 9) {
                table[0] = sum;
                table[1] = table[0] + e;
                table[2] = table[1] + e;
                table[3] = sum + d;
                table[4] = table[3] + e;
                table[5] = table[4] + e;
                table[6] = table[3] + d;
                table[7] = table[6] + e;
                table[8] = table[7] + e;
            }
        }
    }
}

/* Add the products of `groups` of five words to `sums`, `rows` of them. Returns the codes' end: a byte for each row, group
 * after group. `table` has TK_BASE3_ENTRIES words. */
static TK_NOINLINE TK_UNUSED const uint8_t *tk_base3_sums(const uint32_t *words, int32_t groups,
                                                          const uint8_t *codes, uint32_t *table,
                                                          uint32_t *sums, int32_t rows) {
    for (; groups > 0; --groups, words += 5) {
        tk_base3_table(words, table);
        TK_ROLLED for (int32_t row = 0; row < rows; ++row) sums[row] += table[*codes++];
    }
    return codes;
}

#endif
