/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TRANSPOSED_H
#define TK_TRANSPOSED_H

#include "tk_window.h"

/* Which of `size` inputs, laid `stride` apart, lies at `place`; -1 where none does. */
TK_INLINE int32_t tk_source(int32_t place, int32_t stride, int32_t size) {
    const int32_t index = place / stride;
    return place >= 0 && place % stride == 0 && index < size ? index : -1;
}

/* Make each output of a transposed convolution, weight (out_c, kernel_h, kernel_w, in_c): `acc` begins as the bias, and
 * every value p that a tap reaches adds `product` with its weight q. */
#define TK_TRANSPOSED(type, accumulator, product, result)                                                    \
    for (int32_t y = 0; y < s->out_h; ++y) {                                                                 \
        for (int32_t x = 0; x < s->out_w; ++x) {                                                             \
            const type *w = weight;                                                                          \
            for (int32_t o = 0; o < s->out_c; ++o) {                                                         \
                accumulator acc = bias[o];                                                                   \
                for (int32_t i = 0; i < s->kernel_h; ++i) {                                                  \
                    const int32_t row = tk_source(y + s->pad_top - i * s->dilation_h, s->stride_h, s->in_h); \
                    for (int32_t j = 0; j < s->kernel_w; ++j, w += s->in_c) {                                \
                        const int32_t col =                                                                  \
                            tk_source(x + s->pad_left - j * s->dilation_w, s->stride_w, s->in_w);            \
                        if (row < 0 || col < 0) continue;                                                    \
                        const type *pixel = input + (row * s->in_w + col) * s->in_c;                         \
                        for (int32_t c = 0; c < s->in_c; ++c) {                                              \
                            const type p = pixel[c], q = w[c];                                               \
                            acc += product;                                                                  \
                        }                                                                                    \
                    }                                                                                        \
                }                                                                                            \
                *output++ = result;                                                                          \
            }                                                                                                \
        }                                                                                                    \
    }

#endif
