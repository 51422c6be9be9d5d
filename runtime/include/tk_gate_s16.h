/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_GATE_S16_H
#define TK_GATE_S16_H

#include "tk.h"

/* The logistic function, or when `doubled` the hyperbolic tangent, to scale 1/32768. `table` holds the logistic function
 * times 65536 at 0, 1/24 .. 255/24; inputs become steps of 1/12288 first. Every rounding is TensorFlow Lite's.
 * `output` may be `input`. */
TK_KERNEL void tk_gate_s16(const int16_t *input, const uint16_t *table, int32_t multiplier, int32_t shift,
                           int32_t doubled, int16_t *output, int32_t size) {
    const int32_t bits = doubled ? 8 : 9;
    for (int32_t i = 0; i < size; ++i) {
        const int64_t wide = (int64_t)input[i] * multiplier + (((int64_t)1 << shift) >> 1);
        const int32_t x = (int32_t)(wide >> shift);
        const int32_t absolute = x < 0 ? -x : x;
        const int32_t place = absolute >> bits, part = absolute & ((1 << bits) - 1);
        int32_t line = doubled ? 0xffff * 256 : 0x7fff * 1024;
        if (place < 255) line = table[place] * (1 << bits) + part * (table[place + 1] - table[place]);
        if (doubled) {
            line = x >= 0 ? line - 8388608 + 128 : 8388608 - line + 127;
            output[i] = (int16_t)(line >> 8);
        } else {
            line = x >= 0 ? line + 512 : 33554432 - line + 511;
            output[i] = (int16_t)(line >> 10);
        }
    }
}

#endif
