/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FIXED_POINT_H
#define TK_FIXED_POINT_H

#include "tk.h"

/* Fixed-point steps that TensorFlow Lite's reference kernels round one by one, where ours elsewhere round once. */

/* a * b / 2^31, rounded half up. Not for a = b = INT32_MIN. */
TK_INLINE int32_t tk_multiply_high(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^shift, rounded half away from zero; shift in 0 .. 31. Not for x = INT32_MIN. */
TK_INLINE int32_t tk_shift_away(int32_t x, int32_t shift) {
    if (shift == 0) return x;
    return (((x + (x >> 31)) >> (shift - 1)) + 1) >> 1;
}

#endif
