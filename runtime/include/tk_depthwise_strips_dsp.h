/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_STRIPS_DSP_H
#define TK_DEPTHWISE_STRIPS_DSP_H

#include "tk_depthwise_tile_dsp.h"
#include "tk_window.h"

/* What a depthwise layer's tiles are computed with: `words` of tk_depthwise_tile_dsp.h for 3 x 3 taps; else taps of any
 * size as pairs of 16-bit lanes, each kernel row rounded up to whole pairs, with bias and a tk_requant_s8. */
typedef struct {
    const int32_t *words;
    int32_t half, double_rounding;
    const uint32_t *taps;
    const int32_t *bias;
    int32_t min, max;
    int32_t tile_h, tile_w;
} tk_depthwise_layer;

/* Outputs of input channels c to c + 3: a tile of rows x columns, two columns at a time. */
TK_INLINE void tk_depthwise_any_dsp(const int16_t *planes, int32_t c, const tk_depthwise_layer *layer,
                                    const tk_requant_s8 *requant, int8_t *output, int32_t rows,
                                    int32_t columns, const tk_window *w) {
    const int32_t each = w->out_c / w->in_c, pairs = (w->kernel_w + 1) / 2;
    TK_ROLLED for (int32_t o = c * each; o < (c + 4) * each; ++o) {
        const int16_t *const plane = planes + (o / each - c) * TK_PLANE_COLUMNS;
        TK_ROLLED for (int32_t y = 0; y < rows; ++y) {
            int8_t *const to = output + y * w->out_w * w->out_c + o;
            TK_ROLLED for (int32_t x = 0; x < columns; x += 2) {
                const int32_t other = tk_min(x + 1, columns - 1);
                const int16_t *p = plane + y * w->stride_h * TK_PLANE_ROW;
                const uint32_t *taps = layer->taps + o * w->kernel_h * pairs;
                int32_t first = layer->bias[o], second = first;
                TK_ROLLED for (int32_t i = 0; i < w->kernel_h; ++i) {
                    TK_UNROLLED for (int32_t j = 0; j < pairs; ++j) {
                        const uint32_t tap = *taps++;
                        first = tk_smlad(tap, tk_load2(p + x * w->stride_w + 2 * j), first);
                        second = tk_smlad(tap, tk_load2(p + other * w->stride_w + 2 * j), second);
                    }
                    p += w->dilation_h * TK_PLANE_ROW;
                }
                to[x * w->out_c] = tk_requantize_s8(first, o, requant);
                to[other * w->out_c] = tk_requantize_s8(second, o, requant);
            }
        }
    }
}

/* Make strips of `tile_h` output rows one after the other, tile by tile of at most `tile_w` columns, four channels at a
 * time. With stride 1 a strip's input lines are copied first, so that the outputs may be written over them. `scratch`
 * holds a tile's planes, then a strip's lines where they are copied. */
TK_INLINE void tk_depthwise_strips_dsp(const int8_t *input, int32_t zero_point,
                                       const tk_depthwise_layer *layer, const tk_requant_s8 *requant,
                                       int16_t *scratch, int8_t *output, const tk_window *w) {
    const int32_t channels = w->in_c, stride_h = w->stride_h, stride_w = w->stride_w, copied = stride_h == 1;
    const int32_t extent = (w->kernel_h - 1) * w->dilation_h + 1, tile_h = layer->tile_h;
    const int32_t line = w->in_w * channels, out_line = w->out_w * w->out_c;
    int8_t *const lines = (int8_t *)(scratch + ((tile_h - 1) * stride_h + extent) * TK_PLANE_ROW);
    TK_ROLLED for (int32_t y = 0; y < w->out_h; y += tile_h) {
        const int32_t rows = tk_min(tile_h, w->out_h - y), in_rows = (rows - 1) * stride_h + extent;
        const int32_t top = y * stride_h - w->pad_top, kept = copied && y ? extent - 1 : 0;
        const int32_t first_row = tk_max(0, -top), end_row = tk_min(in_rows, w->in_h - top);
        const int32_t new_row = tk_max(first_row, kept);
        if (kept) tk_copy_dsp(lines + tile_h * line, kept * line, lines);
        if (copied && end_row > new_row) {
            tk_copy_dsp(input + (top + new_row) * line, (end_row - new_row) * line, lines + new_row * line);
        }
        TK_ROLLED for (int32_t x = 0; x < w->out_w; x += layer->tile_w) {
            const int32_t columns = tk_min(layer->tile_w, w->out_w - x);
            const int32_t in_columns = (columns - 1) * stride_w + w->kernel_w;
            const int32_t left = x * stride_w - w->pad_left;
            const int32_t first = tk_max(0, -left), end = tk_min(in_columns, w->in_w - left);
            int8_t *const tile = output + y * out_line + x * w->out_c;
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
                if (layer->taps) {
                    tk_depthwise_any_dsp(scratch, c, layer, requant, tile, rows, columns, w);
                    continue;
                }
                (stride_h == 2
                     ? (layer->double_rounding ? tk_depthwise_2_twice_dsp : tk_depthwise_2_once_dsp)
                     : (layer->double_rounding ? tk_depthwise_1_twice_dsp : tk_depthwise_1_once_dsp))(
                    scratch, layer->words + 5 * c, tile + c, channels, out_line - columns * channels, rows,
                    columns, layer->half);
            }
        }
        if (!layer->taps && (layer->min > -128 || layer->max < 127)) {
            int8_t *const strip = output + y * out_line;
            TK_ROLLED for (int32_t i = 0; i < rows * out_line; ++i) {
                strip[i] = (int8_t)tk_clamp(strip[i], layer->min, layer->max);
            }
        }
    }
}

#endif
