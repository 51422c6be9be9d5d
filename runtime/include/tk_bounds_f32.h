/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BOUNDS_F32_H
#define TK_BOUNDS_F32_H

#include "tk.h"

#define TK_LARGEST_F32 3.40282347e+38f

/* `value` kept within low..high. The largest floats stand for no bound: where they are literals, no comparison is left. */
TK_INLINE float tk_bounded_f32(float value, float low, float high) {
    if (low > -TK_LARGEST_F32 && value < low) return low;
    if (high < TK_LARGEST_F32 && value > high) return high;
    return value;
}

#endif
