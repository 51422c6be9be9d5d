/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_PHILOX_H
#define TK_PHILOX_H

#include "tk.h"

/* Philox4x32-10 (J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011): four random words for any
 * counter and key. One copy for all layers. */
static TK_NOINLINE TK_UNUSED void tk_philox(const uint32_t counter[4], const uint32_t key[2],
                                            uint32_t words[4]) {
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    uint32_t low = key[0], high = key[1];
    TK_ROLLED
    for (int32_t round = 0; round < 10; ++round) {
        const uint64_t left = (uint64_t)a * 0xD2511F53u, right = (uint64_t)c * 0xCD9E8D57u;
        a = (uint32_t)(right >> 32) ^ b ^ low;
        b = (uint32_t)right;
        c = (uint32_t)(left >> 32) ^ d ^ high;
        d = (uint32_t)left;
        low += 0x9E3779B9u;
        high += 0xBB67AE85u;
    }
    words[0] = a;
    words[1] = b;
    words[2] = c;
    words[3] = d;
}

#endif
