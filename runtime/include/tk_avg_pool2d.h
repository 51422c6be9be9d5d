/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_AVG_POOL2D_H
#define TK_AVG_POOL2D_H

#include "tk_half.h"
#include "tk_pool.h"

/* The mean under the window, for each channel, at the input's scale. `divisor` 0 divides by the number of values that lie
 * inside the input; any other divides by itself and counts padding as zeros, int8's as `zero_point`. */

TK_INLINE int32_t tk_pool_count(int32_t divisor, int32_t inside) { return divisor == 0 ? inside : divisor; }

/* Rounded half away from zero, as TensorFlow Lite does. */
TK_INLINE int32_t tk_mean(int32_t sum, int32_t count) {
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

TK_KERNEL void tk_avg_pool2d_s8(const int8_t *input, int32_t divisor, int32_t zero_point, int8_t *output,
                                const tk_window *w) {
    TK_POOL(int8_t, int32_t, (tk_pool_count(divisor, inside) - inside) * zero_point, total + value,
            tk_clamp(tk_mean(total, tk_pool_count(divisor, inside)), INT8_MIN, INT8_MAX));
}

TK_KERNEL void tk_avg_pool2d_s16(const int16_t *input, int32_t divisor, int16_t *output, const tk_window *w) {
    TK_POOL(int16_t, int32_t, 0, total + value,
            tk_clamp(tk_mean(total, tk_pool_count(divisor, inside)), INT16_MIN, INT16_MAX));
}

TK_KERNEL void tk_avg_pool2d_f32(const float *input, int32_t divisor, float *output, const tk_window *w) {
    TK_POOL(float, float, 0.0f, total + value, total / (float)tk_pool_count(divisor, inside));
}

TK_KERNEL void tk_avg_pool2d_f16(const uint16_t *input, int32_t divisor, uint16_t *output,
                                 const tk_window *w) {
    TK_POOL(uint16_t, float, 0.0f, total + tk_float_of_half(value),
            tk_half_of_float(total / (float)tk_pool_count(divisor, inside)));
}

#endif
