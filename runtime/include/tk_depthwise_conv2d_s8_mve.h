/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_CONV2D_S8_MVE_H
#define TK_DEPTHWISE_CONV2D_S8_MVE_H

#include "tk_depthwise_row_mve.h"
#include "tk_planes_mve.h"
#include "tk_window.h"

/* As tk_depthwise_conv2d_s8 without dilation, for four channels or more. `bytes` of scratch for the planes and what
 * may be read behind them. `row_of_groups` is the function for this step and rounding, or 0 where there is none or the
 * numbers of channels differ: then scratch has 64 more bytes for every 16 taps. */
TK_KERNEL void tk_depthwise_conv2d_s8_mve(const int8_t *input, int32_t zero_point, const tk_depthwise_mve *d,
                                          int32_t twice, tk_depthwise_function_mve *row_of_groups,
                                          int8_t *scratch, int32_t bytes, int8_t *output,
                                          const tk_window *w) {
    const int32_t step = w->kernel_h * w->stride_w, group = 4 * d->taps + d->scale_bytes;
    const int32_t width = (w->out_w - 1) * w->stride_w + w->kernel_w, pitch = width * w->kernel_h;
    const int32_t pixels = tk_min(w->in_w, width - w->pad_left);
    int8_t padding[8];
    int32_t next = 0;
    for (int32_t i = 0; i < 8; ++i) padding[i] = (int8_t)zero_point;
    tk_set_mve(scratch, zero_point, bytes);
    TK_ROLLED
    for (int32_t y = 0; y < w->out_h; ++y) {
        const int32_t top = y * w->stride_h - w->pad_top;
        TK_ROLLED
        for (next = tk_max(next, top); next < top + w->kernel_h; ++next) {
            int8_t *slot = scratch + w->pad_left * w->kernel_h + next % w->kernel_h;
            const int below = next >= w->in_h;
            const int8_t *from = below ? padding : input + next * w->in_w * w->in_c;
            tk_plane_row_mve(from, below ? 0 : w->in_c, pixels, w->in_c, slot, pitch, w->kernel_h);
        }
        const int32_t turn =
            (top + w->pad_top * w->kernel_h) % w->kernel_h; /* of a row above the input, too */
        const uint8_t *order = d->order + turn * 16 * d->chunks;
        const int8_t *weight = d->weight;
        if (row_of_groups != 0) {
            const tk_depthwise_row row = {order, d->taps, pitch, w->out_w, d->zero_point, w->out_c};
            const int32_t groups = w->out_c / 4, last = w->out_c - 4;
            row_of_groups(scratch, &row, weight, groups, output);
            if (w->out_c % 4 != 0) {
                row_of_groups(scratch + last * pitch, &row, weight + groups * group, 1, output + last);
            }
        } else {
            for (int32_t c = 0; c < w->out_c; c += 4, weight += group) {
                const int32_t o = tk_min(c, w->out_c - 4);
                const int8_t *planes[4];
                for (int32_t i = 0; i < 4; ++i) planes[i] = scratch + (o + i) / (w->out_c / w->in_c) * pitch;
                tk_depthwise_row_mve(planes, weight, order, d, twice, step, scratch + bytes, output + o,
                                     w->out_w);
            }
        }
        output += w->out_w * w->out_c;
        if (d->min > INT8_MIN || d->max < INT8_MAX) {
            tk_bound_mve(output - w->out_w * w->out_c, d->min, d->max, w->out_w * w->out_c);
        }
    }
}

#endif
