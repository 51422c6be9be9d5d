/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_S8_DSP_H
#define TK_DEPTHWISE_CONV2D_S8_DSP_H

#include "tk_depthwise_tile_dsp.h"
#include "tk_window.h"

/* As tk_depthwise_conv2d_s8, of 3 x 3 taps with stride 1 or 2, one output channel for each of at least four input
 * channels. Strips of `tile_h` output rows are made one after the other, tile by tile of at most `tile_w` columns, four
 * channels at a time. With stride 1 the input lines of a strip are copied first, so that the outputs may be written over
 * them.
 * `words` are those of tk_depthwise_tile_dsp.h; `half` is twice the output's zero point plus 1; the outputs lie in
 * min .. max. `scratch` holds a tile's planes, then a strip's lines where they are copied. */
TK_KERNEL void tk_depthwise_conv2d_s8_dsp(const int8_t *input, int32_t zero_point, const int32_t *words,
                                          int32_t half, int32_t double_rounding, int32_t min, int32_t max,
                                          int32_t tile_h, int32_t tile_w, int16_t *scratch, int8_t *output,
                                          const tk_window *w) {
    const int32_t channels = w->out_c, stride = w->stride_h;
    const int32_t copied = stride == 1;
    const int32_t line = w->in_w * channels, out_line = w->out_w * channels;
    int8_t *const lines = (int8_t *)(scratch + ((tile_h - 1) * stride + 3) * TK_PLANE_ROW);
    TK_ROLLED for (int32_t y = 0; y < w->out_h; y += tile_h) {
        const int32_t rows = tk_min(tile_h, w->out_h - y), in_rows = (rows - 1) * stride + 3;
        const int32_t top = y * stride - w->pad_top, kept = copied && y ? 2 : 0;
        const int32_t first_row = tk_max(0, -top), end_row = tk_min(in_rows, w->in_h - top);
        const int32_t new_row = tk_max(first_row, kept);
        if (kept) tk_copy_dsp(lines + tile_h * line, kept * line, lines);
        if (copied && end_row > new_row) {
            tk_copy_dsp(input + (top + new_row) * line, (end_row - new_row) * line, lines + new_row * line);
        }
        TK_ROLLED for (int32_t x = 0; x < w->out_w; x += tile_w) {
            const int32_t columns = tk_min(tile_w, w->out_w - x), in_columns = (columns - 1) * stride + 3;
            const int32_t left = x * stride - w->pad_left;
            const int32_t first = tk_max(0, -left), end = tk_min(in_columns, w->in_w - left);
            if (first_row > 0 || end_row < in_rows || first > 0 || end < in_columns) {
                tk_fill_planes_dsp(scratch, in_rows, zero_point);
            }
            TK_ROLLED for (int32_t o = 0; o < channels; o += 4) {
                const int32_t c = tk_min(o, channels - 4); /* the last four, some of them once more */
                if (end_row > first_row && end > first) {
                    const int8_t *const from =
                        copied ? lines + first_row * line : input + (top + first_row) * line;
                    tk_gather_planes_dsp(from + (left + first) * channels + c, channels, line,
                                         end_row - first_row, end - first,
                                         scratch + first_row * TK_PLANE_ROW + first);
                }
                (stride == 2 ? (double_rounding ? tk_depthwise_2_twice_dsp : tk_depthwise_2_once_dsp)
                             : (double_rounding ? tk_depthwise_1_twice_dsp : tk_depthwise_1_once_dsp))(
                    scratch, words + 5 * c, output + y * out_line + x * channels + c, channels,
                    out_line - columns * channels, rows, columns, half);
            }
        }
        if (min > -128 || max < 127) {
            int8_t *const strip = output + y * out_line;
            TK_ROLLED for (int32_t i = 0; i < rows * out_line; ++i) {
                strip[i] = (int8_t)tk_clamp(strip[i], min, max);
            }
        }
    }
}

#endif
