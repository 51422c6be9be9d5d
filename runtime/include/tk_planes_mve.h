/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_PLANES_MVE_H
#define TK_PLANES_MVE_H

#include "tk_mve.h"

/* A depthwise layer's input, channel by channel: a plane holds one channel of the kernel_h rows that a row of output
 * reads, stood on end, so that a window is one run of bytes. Input row r lies in slot r % kernel_h of every column
 * and stays there as long as it is read; the weights are turned instead. */

/* Put one row of `pixels` into slot `to` of planes `pitch` bytes apart, columns `kernel_h` bytes. `from` moves on by
 * `stride` bytes a pixel: the number of channels, or 0 for a row of nothing but the first 8 bytes. */
static TK_NOINLINE TK_UNUSED void tk_plane_row_mve(const int8_t *from, int32_t stride, int32_t pixels,
                                                   int32_t channels, int8_t *to, int32_t pitch,
                                                   int32_t kernel_h) {
#ifdef TK_HAS_MVE
    const uint16x8_t places = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)pitch);
    for (int32_t c = 0; c < channels; c += 8, from += stride != 0 ? 8 : 0, to += 8 * pitch) {
        const int8_t *pixel = from;
        int8_t *column = to;
        if (channels - c >= 8) {
            __asm volatile(
                "dls lr, %[pixels]\n"
                "1: vldrb.u16 q0, [%[pixel]]\n"
                "add %[pixel], %[pixel], %[stride]\n"
                "vstrb.16 q0, [%[column], %q[places]]\n"
                "add %[column], %[column], %[kernel_h]\n"
                "le lr, 1b\n"
                : [pixel] "+l"(pixel), [column] "+r"(column)
                : [pixels] "r"(pixels), [stride] "r"(stride), [kernel_h] "r"(kernel_h), [places] "w"(places)
                : "q0", "lr", "memory");
        } else {
            const mve_pred16_t inside = vctp16q((uint32_t)(channels - c));
            for (int32_t x = pixels; x > 0; --x, pixel += stride, column += kernel_h) {
                vstrbq_scatter_offset_p_s16(column, places, vldrbq_z_s16(pixel, inside), inside);
            }
        }
    }
#else
    for (int32_t x = 0; x < pixels; ++x, from += stride) {
        for (int32_t c = 0; c < channels; ++c) to[c * pitch + x * kernel_h] = from[stride != 0 ? c : c % 8];
    }
#endif
}

#endif
