/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_TILES_H
#define TK_CONV2D_TILES_H

#include "tk_tile_s8.h"
#include "tk_window.h"

/* The body of a convolution's kernel that makes two pixels of two channels at a time, each sum from `start` of its channel
 * on. MAKE makes the outputs of channels o and next of `acc` (as tk_tile_s8 has them), `second` being how far the second
 * pixel lies behind the first; NEXT goes on to the next two pixels. A last pixel or channel alone is made twice. */
#define TK_CONV2D_TILES(start, MAKE, NEXT)                                                  \
    const tk_window shape = *window; /* no call can change it, so literals stay literals */ \
    const int32_t depth = shape.kernel_h * shape.kernel_w * shape.in_c;                     \
    const int32_t channels = shape.out_c, last = shape.out_h * shape.out_w - 1;             \
    for (int32_t p = 0; p <= last; p += 2, NEXT) {                                          \
        const int32_t q = tk_min(p + 1, last);                                              \
        const int8_t *x[2];                                                                 \
        tk_two_pixels_s8(input, p, q, zero_point, scratch, window, x);                      \
        for (int32_t o = 0; o < channels; o += 2) {                                         \
            const int32_t next = tk_min(o + 1, channels - 1), second = (q - p) * channels;  \
            int32_t acc[4] = {(start)[o], (start)[o], (start)[next], (start)[next]};        \
            tk_tile_s8(x[0], x[1], weight + o * depth, weight + next * depth, depth, acc);  \
            MAKE                                                                            \
        }                                                                                   \
    }

/* What is made of each sum is an output. */
#define TK_MAKE_OUTPUTS(finish)                            \
    output[second + next] = finish(acc[3], next, requant); \
    output[second + o] = finish(acc[1], o, requant);       \
    output[next] = finish(acc[2], next, requant);          \
    output[o] = finish(acc[0], o, requant);

#endif
