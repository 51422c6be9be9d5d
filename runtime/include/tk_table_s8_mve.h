/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TABLE_S8_MVE_H
#define TK_TABLE_S8_MVE_H

#include "tk_mve.h"

/* As tk_table_s8, 16 values at a time. */
TK_KERNEL void tk_table_s8_mve(const int8_t *input, const int8_t *table, int8_t *output, int32_t size) {
#ifdef TK_HAS_MVE
    __asm volatile("wlstp.8 lr, %[size], 2f\n"
                   "1: vldrb.u8 q0, [%[from]], #16\n"
                   "vldrb.u8 q1, [%[table], q0]\n"
                   "vstrb.8 q1, [%[to]], #16\n"
                   "letp lr, 1b\n"
                   "2:\n"
                   : [from] "+r"(input), [to] "+r"(output)
                   : [table] "r"(table), [size] "r"(size)
                   : "q0", "q1", "lr", "memory");
#else
    for (int32_t i = 0; i < size; ++i) output[i] = table[(uint8_t)input[i]];
#endif
}

#endif
