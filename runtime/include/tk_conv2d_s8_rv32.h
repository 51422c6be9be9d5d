/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_S8_RV32_H
#define TK_CONV2D_S8_RV32_H

#include "tk_tile_rv32.h"
#include "tk_window.h"

/* Gather the windows of output pixels p .. p + 5 (the last again, where there are no more) to `to`: four words for each
 * column. `edge` has room for six kernel rows, for those that reach over the edge. */
static TK_NOINLINE TK_UNUSED void tk_gather_six_rv32(const int8_t *input, int32_t p, int32_t zero_point,
                                                     int8_t *edge, uint32_t *to, const tk_window *w) {
    const int32_t run = w->kernel_w * w->in_c;
    if (tk_is_pointwise(w)) {
        const int8_t *from[TK_PIXELS_RV32] = {input + p * w->in_c};
        const int8_t *const last = input + (w->out_h * w->out_w - 1) * w->in_c;
        for (int32_t k = 1; k < TK_PIXELS_RV32; ++k)
            from[k] = from[k - 1] + (from[k - 1] == last ? 0 : w->in_c);
        tk_pack_columns_rv32(from, run, to);
        return;
    }
    int32_t top[TK_PIXELS_RV32], left[TK_PIXELS_RV32], y = p / w->out_w, x = p - y * w->out_w;
    TK_ROLLED
    for (int32_t k = 0; k < TK_PIXELS_RV32; ++k) {
        top[k] = y * w->stride_h - w->pad_top;
        left[k] = x * w->stride_w - w->pad_left;
        if (++x < w->out_w) continue;
        if (y + 1 < w->out_h) {
            ++y;
            x = 0;
        } else {
            --x;
        }
    }
    for (int32_t i = 0; i < w->kernel_h; ++i) {
        const int8_t *from[TK_PIXELS_RV32];
        TK_ROLLED
        for (int32_t k = 0; k < TK_PIXELS_RV32; ++k) {
            const int32_t row = top[k] + i * w->dilation_h;
            if (row >= 0 && row < w->in_h && left[k] >= 0 && left[k] + w->kernel_w <= w->in_w) {
                from[k] = input + (row * w->in_w + left[k]) * w->in_c;
                continue;
            }
            const tk_taps taps = tk_row_taps(input, top[k], left[k], i, w);
            from[k] = edge + k * run;
            tk_copy_taps_s8(&taps, w->kernel_w, w->in_c, zero_point, edge + k * run);
        }
        to = tk_pack_columns_rv32(from, run, to);
    }
}

/* As tk_conv2d_s8, six pixels by four channels at a time, without horizontal dilation. `weight` holds four channels of a
 * column side by side. `scratch` holds 16 * depth bytes, then 6 * kernel_w * in_c bytes, then 6 * out_c bytes where
 * the pixels are no multiple of six. One copy for all layers: the loops that cost are assembly. */
static TK_NOINLINE TK_UNUSED void tk_conv2d_s8_rv32(const int8_t *input, int32_t zero_point,
                                                    const int8_t *weight, int32_t part,
                                                    const tk_finish_rv32 *finish,
                                                    tk_six_pixels_function_rv32 *six_pixels,
                                                    uint32_t *scratch, int8_t *output, const tk_window *w) {
    const int32_t run = w->kernel_w * w->in_c, channels = w->out_c, pixels = w->out_h * w->out_w;
    tk_six_pixels_rv32 six;
    six.x = scratch;
    six.channel_end = finish->channels + channels;
    six.depth = w->kernel_h * run;
    six.part = part;
    six.stride = channels;
    six.low = finish->low;
    six.high = finish->high;
    int8_t *const edge = (int8_t *)(scratch + TK_WORDS_RV32 * six.depth);
    for (int32_t pixel = 0; pixel < pixels; pixel += TK_PIXELS_RV32, output += TK_PIXELS_RV32 * channels) {
        const int32_t left = pixels - pixel;
        int8_t *const to = left < TK_PIXELS_RV32 ? edge + TK_PIXELS_RV32 * run : output;
        tk_gather_six_rv32(input, pixel, zero_point, edge, scratch, w);
        six.weight = weight;
        six.channel = finish->channels;
        six.output = to;
        six_pixels(&six);
        if (to != output) tk_copy_rv32(output, to, left * channels);
    }
}

#endif
