/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TABLE_S8_H
#define TK_TABLE_S8_H

#include "tk.h"

/* output[i] = table[input[i] as a uint8]: any function of one int8, 256 entries. `output` may be `input`. */
TK_KERNEL void tk_table_s8(const int8_t *input, const TK_ROM int8_t *table, int8_t *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) output[i] = table[(uint8_t)input[i]];
}

#endif
