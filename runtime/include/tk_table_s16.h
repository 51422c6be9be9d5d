/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TABLE_S16_H
#define TK_TABLE_S16_H

#include "tk.h"

/* Any function of one int16: 513 entries, 128 apart, and straight lines between them, rounded half up; as TensorFlow
 * Lite looks int16 tables up. `output` may be `input`. */
TK_KERNEL void tk_table_s16(const int16_t *input, const int16_t *table, int16_t *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) {
        const int16_t *entry = table + 256 + (input[i] >> 7);
        output[i] = (int16_t)(entry[0] + (((entry[1] - entry[0]) * (input[i] & 127) + 64) >> 7));
    }
}

#endif
