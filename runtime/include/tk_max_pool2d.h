/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MAX_POOL2D_H
#define TK_MAX_POOL2D_H

#include "tk_half.h"
#include "tk_pool.h"

/* The largest value under the window, for each channel; padding never wins. */

TK_KERNEL void tk_max_pool2d_s8(const int8_t *input, int8_t *output, const tk_window *w) {
    TK_POOL(int8_t, int32_t, INT8_MIN, tk_max(total, value), total);
}

TK_KERNEL void tk_max_pool2d_s16(const int16_t *input, int16_t *output, const tk_window *w) {
    TK_POOL(int16_t, int32_t, INT16_MIN, tk_max(total, value), total);
}

TK_KERNEL void tk_max_pool2d_f32(const float *input, float *output, const tk_window *w) {
    TK_POOL(float, float, input[(row_begin * w->in_w + col_begin) * w->in_c + c],
            value > total ? value : total, total);
}

TK_KERNEL void tk_max_pool2d_f16(const uint16_t *input, uint16_t *output, const tk_window *w) {
    TK_POOL(uint16_t, float, tk_float_of_half(input[(row_begin * w->in_w + col_begin) * w->in_c + c]),
            tk_float_of_half(value) > total ? tk_float_of_half(value) : total, tk_half_of_float(total));
}

#endif
