/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_GRADIENT_F32_H
#define TK_GRADIENT_F32_H

#include "tk_half.h"
#include "tk_window.h"

/* Which outputs a tap of a window reaches, and where it lies: what the gradients of convolutions share. */

/* Put weight number `at` after a step down its gradient where it belongs; without a rate the gradient itself. Weights
 * have `bytes` a value, and so has the output. */
TK_INLINE void tk_put_stepped(void *output, const void *weight, const float *rate, int32_t at, int32_t bytes,
                              float gradient) {
    tk_put_real(output, at, bytes, rate != 0 ? tk_real_at(weight, at, bytes) - *rate * gradient : gradient);
}

/* The output along one axis whose tap, `back` places before the input's, lies on place `at`, or -1. */
TK_INLINE int32_t tk_output_over(int32_t at, int32_t back, int32_t stride, int32_t count) {
    const int32_t distance = at + back;
    return distance < 0 || distance % stride != 0 || distance / stride >= count ? -1 : distance / stride;
}

#endif
