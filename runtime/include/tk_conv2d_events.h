/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_EVENTS_H
#define TK_CONV2D_EVENTS_H

#include "tk_events.h"
#include "tk_window.h"

/* Append the places of the ones in the window under output pixel (y, x). */
TK_INLINE uint16_t *tk_list_window(const int8_t *input, const uint32_t *bits, int32_t y, int32_t x,
                                   const tk_window *w, int32_t bitmap, uint16_t *list) {
    const int32_t top = y * w->stride_h - w->pad_top, left = x * w->stride_w - w->pad_left;
    const tk_reach rows = tk_reach_of(top, w->dilation_h, w->in_h, w->kernel_h);
    const tk_reach taps = tk_reach_of(left, w->dilation_w, w->in_w, w->kernel_w);
    const int32_t inside = taps.end - taps.begin;
    /* taps of a row that lie one behind the other are looked through as one */
    const int32_t runs = w->dilation_w == 1 ? inside > 0 : inside;
    const int32_t count = (w->dilation_w == 1 ? inside : 1) * w->in_c;
    for (int32_t i = rows.begin; i < rows.end; ++i) {
        int32_t from = ((top + i * w->dilation_h) * w->in_w + left + taps.begin * w->dilation_w) * w->in_c;
        int32_t place = (i * w->kernel_w + taps.begin) * w->in_c;
        for (int32_t run = 0; run < runs; ++run, from += w->dilation_w * w->in_c, place += w->in_c)
            list = bitmap ? tk_list_bits(bits, (uint32_t)from, (uint32_t)count, (uint32_t)place, list)
                          : tk_list_bytes(input + from, count, place, list);
    }
    return list;
}

/* As tk_conv2d_wide of spikes: for each pixel, the places of the ones in its window, then the sums of their weights. They
 * are found among the bytes of the input, or, `bitmap` being 1, among bits made of them once, which are faster to go
 * through where few are set. `scratch` holds those bits, 32 to a word, and behind them one place more than a window has. */
TK_INLINE void tk_conv2d_by_events(const int8_t *input, const uint32_t *weight,
                                   const tk_requant_wide *requant, uint32_t *scratch, int16_t *output,
                                   const tk_window *window, int32_t bitmap, int32_t ternary, int32_t large) {
    const tk_window shape = *window;
    const int32_t depth = shape.kernel_h * shape.kernel_w * shape.in_c;
    const int32_t inputs = shape.in_h * shape.in_w * shape.in_c;
    uint16_t *const list = (uint16_t *)(void *)(scratch + (bitmap ? (inputs + 31) / 32 : 0));
    if (bitmap) tk_bits_of_bytes(input, inputs, scratch);
    for (int32_t y = 0; y < shape.out_h; ++y) {
        for (int32_t x = 0; x < shape.out_w; ++x, output += shape.out_c) {
            const uint16_t *const end = tk_list_window(input, scratch, y, x, &shape, bitmap, list);
            tk_event_row(list, end, weight, requant, output, depth, shape.out_c, ternary, large);
        }
    }
}

#define TK_CONV2D_EVENTS(name, bitmap, ternary, large)                                                \
    TK_KERNEL void name(const int8_t *input, const uint32_t *weight, const tk_requant_wide *requant,  \
                        uint32_t *scratch, int16_t *output, const tk_window *window) {                \
        tk_conv2d_by_events(input, weight, requant, scratch, output, window, bitmap, ternary, large); \
    }

TK_CONV2D_EVENTS(tk_conv2d_listed_events_s8, 0, 0, 0)
TK_CONV2D_EVENTS(tk_conv2d_listed_events_s8_large, 0, 0, 1)
TK_CONV2D_EVENTS(tk_conv2d_listed_events_t2, 0, 1, 0)
TK_CONV2D_EVENTS(tk_conv2d_mapped_events_s8, 1, 0, 0)
TK_CONV2D_EVENTS(tk_conv2d_mapped_events_s8_large, 1, 0, 1)
TK_CONV2D_EVENTS(tk_conv2d_mapped_events_t2, 1, 1, 0)

#endif
