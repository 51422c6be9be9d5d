/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_WIDE_DSP_H
#define TK_WIDE_DSP_H

#include "tk_fully_connected_s8_dsp.h"
#include "tk_requant_wide.h"
#include "tk_window.h"

/* One row of int16 outputs from `column`, which is readable up to the next multiple of four bytes; weight, start and part
 * as tk_fully_connected_s8_dsp has them. */
TK_INLINE void tk_wide_row_dsp(const int8_t *column, const uint32_t *weight, const int32_t *start,
                               const tk_requant_wide *requant, int16_t *output, int32_t depth,
                               int32_t channels, int32_t part) {
    const int32_t groups = (depth + 3) / 4;
    for (int32_t o = 0; o < channels; o += 4, start += 4) {
        int32_t sums[4];
        weight = tk_four_sums_s8_dsp(column, weight, start, groups, part, sums);
        const int32_t here = tk_min(4, channels - o);
        for (int32_t k = 0; k < here; ++k) output[o + k] = tk_finish_wide(sums[k], o + k, requant);
    }
}

/* As tk_fully_connected_wide. `input` is read as tk_fully_connected_s8_dsp does. */
TK_KERNEL void tk_fully_connected_wide_dsp(const int8_t *input, const uint32_t *weight, const int32_t *start,
                                           const tk_requant_wide *requant, int16_t *output, int32_t rows,
                                           int32_t depth, int32_t channels, int32_t part) {
    for (int32_t row = 0; row < rows; ++row, input += depth, output += channels)
        tk_wide_row_dsp(input, weight, start, requant, output, depth, channels, part);
}

/* As tk_conv2d_wide, a pixel at a time. `scratch` holds a window, rounded up to four bytes. */
TK_KERNEL void tk_conv2d_wide_dsp(const int8_t *input, int32_t zero_point, const uint32_t *weight,
                                  const int32_t *start, const tk_requant_wide *requant, int8_t *scratch,
                                  int16_t *output, int32_t part, const tk_window *window) {
    const tk_window shape = *window;
    const int32_t depth = shape.kernel_h * shape.kernel_w * shape.in_c;
    for (int32_t y = 0; y < shape.out_h; ++y) {
        for (int32_t x = 0; x < shape.out_w; ++x, output += shape.out_c) {
            tk_im2col_s8(input, y, x, zero_point, scratch, window);
            tk_wide_row_dsp(scratch, weight, start, requant, output, depth, shape.out_c, part);
        }
    }
}

#endif
