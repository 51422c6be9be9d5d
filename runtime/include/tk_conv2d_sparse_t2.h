/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_SPARSE_T2_H
#define TK_CONV2D_SPARSE_T2_H

#include "tk_sparse.h"
#include "tk_window.h"

/* Write `count` values of two pixels as p + 2^16 * q each; return where the next go. */
static TK_NOINLINE TK_UNUSED int32_t *tk_signed_pairs(const int8_t *p, const int8_t *q, int32_t count,
                                                      int32_t *to) {
    TK_ROLLED for (int32_t k = 0; k < count; ++k) to[k] = p[k] + q[k] * 65536;
    return to + count;
}

/* As tk_conv2d_t2, two pixels at a time, with weights as tk_sparse.h has them: 255 columns' sums of both pixels keep within
 * 16 bits each. `scratch` holds a word for each column, then in_c bytes. */
TK_KERNEL void tk_conv2d_sparse_t2(const int8_t *input, int32_t zero_point, const uint8_t *weight,
                                   const int32_t *bias, const tk_requant_s8 *requant, int32_t *scratch,
                                   int8_t *output, const tk_window *window) {
    const int32_t in_c = window->in_c, depth = window->kernel_h * window->kernel_w * in_c;
    const int32_t channels = window->out_c, pixels = window->out_h * window->out_w;
    int8_t *const outside = (int8_t *)(scratch + depth);
    tk_fill_s8(outside, zero_point, in_c);
    TK_ROLLED for (int32_t p = 0; p < pixels; p += 2, output += 2 * channels) {
        const int32_t q = tk_min(p + 1, pixels - 1), second = (q - p) * channels;
        const int32_t py = p / window->out_w, px = p - py * window->out_w;
        const int32_t qy = q / window->out_w, qx = q - qy * window->out_w;
        const int32_t p_top = py * window->stride_h - window->pad_top,
                      p_left = px * window->stride_w - window->pad_left;
        const int32_t q_top = qy * window->stride_h - window->pad_top,
                      q_left = qx * window->stride_w - window->pad_left;
        int32_t *to = scratch;
        for (int32_t i = 0; i < window->kernel_h * window->dilation_h; i += window->dilation_h) {
            for (int32_t j = 0; j < window->kernel_w * window->dilation_w; j += window->dilation_w) {
                to = tk_signed_pairs(tk_tap(input, outside, p_top + i, p_left + j, window),
                                     tk_tap(input, outside, q_top + i, q_left + j, window), in_c, to);
            }
        }
        const uint8_t *w = weight;
        TK_ROLLED for (int32_t o = 0; o < channels; ++o) {
            int32_t first = bias[o], other = bias[o];
            TK_ROLLED for (int32_t k = 0; k < depth; k += TK_SPARSE_COLUMNS) {
                const uint8_t *const at = w + 2, *const minus = at + w[0];
                const uint32_t plus = (uint32_t)tk_sum_at_s32(scratch + k, at, w[0]);
                const int32_t both = (int32_t)(plus - (uint32_t)tk_sum_at_s32(scratch + k, minus, w[1]));
                const int32_t low = (int32_t)((uint32_t)both << 16) >> 16;
                first += low;
                other += (both - low) >> 16;
                w = minus + w[1];
            }
            output[o] = tk_requantize_s8(first, o, requant);
            output[o + second] = tk_requantize_s8(other, o, requant);
        }
    }
}

#endif
