/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_COMPARE_F32_H
#define TK_COMPARE_F32_H

#include "tk_broadcast.h"

/* Two operands, however they repeat; 1 where the comparison holds, else 0. */

TK_KERNEL void tk_gt_f32(const float *a, const float *b, uint8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(float, p > q);
}

TK_KERNEL void tk_ge_f32(const float *a, const float *b, uint8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(float, p >= q);
}

TK_KERNEL void tk_lt_f32(const float *a, const float *b, uint8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(float, p < q);
}

TK_KERNEL void tk_le_f32(const float *a, const float *b, uint8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(float, p <= q);
}

TK_KERNEL void tk_eq_f32(const float *a, const float *b, uint8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(float, p == q);
}

TK_KERNEL void tk_ne_f32(const float *a, const float *b, uint8_t *output, const tk_broadcast *s) {
    TK_BROADCAST(float, p != q);
}

#endif
