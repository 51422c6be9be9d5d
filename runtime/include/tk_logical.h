/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_LOGICAL_H
#define TK_LOGICAL_H

#include "tk_broadcast.h"

/* Two conditions, 0 or 1, however they repeat. `output` may be an operand that does not repeat. */

TK_KERNEL void tk_logical_and(const uint8_t *a, const uint8_t *b, uint8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(uint8_t, (uint8_t)(p & q));
}

TK_KERNEL void tk_logical_or(const uint8_t *a, const uint8_t *b, uint8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(uint8_t, (uint8_t)(p | q));
}

TK_KERNEL void tk_logical_xor(const uint8_t *a, const uint8_t *b, uint8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(uint8_t, (uint8_t)(p ^ q));
}

#endif
