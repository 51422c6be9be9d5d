/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DEPTHWISE_S8_H
#define TK_DEPTHWISE_S8_H

#include "tk_simd.h"

/* A depthwise layer in lanes: output channel o sees channel o of each of `taps` places. `weight` is (taps, channels)
 * with an even number of taps and channels rounded up to 8; bias, multipliers and shifts are padded alike. */
typedef struct {
    const int8_t *weight;
    const int32_t *bias;
    const tk_requant_s8 *requant;
    int32_t taps, channels;
} tk_depthwise_s8;

/* A run of `pixels` outputs: the places under the first lie `offset` behind `first`, those under the next `step`
 * further. All channels, rounded up to 8, are read. */
typedef struct {
    const int8_t *first;
    const int32_t *offset;
    int32_t step, pixels;
} tk_depthwise_run;

/* Pixels are made four or two at a time. The last of a run may be made again with those before them; a run of one makes
 * it twice. */
typedef struct {
    int32_t first, count;
} tk_pixels;

TK_INLINE tk_pixels tk_next_pixels(int32_t done, int32_t all) {
    const int32_t left = all - done;
    const int32_t count = left >= 4 || (left == 3 && all > 3) ? 4 : 2;
    const tk_pixels pixels = {tk_max(0, tk_min(done, all - count)), count};
    return pixels;
}

/* A run, eight channels at a time, by the tk_pixels_<isa> of an instruction set. */
#define TK_DEPTHWISE_BLOCKS(isa)                                                                        \
    const int32_t step = run->pixels > 1 ? run->step : 0, out_step = run->pixels > 1 ? d->channels : 0; \
    for (int32_t o = 0; o < d->channels; o += 8) {                                                      \
        const tk_requant_##isa q = tk_load_requant_##isa(d->requant, o);                                \
        for (int32_t done = 0; done < run->pixels;) {                                                   \
            const tk_pixels next = tk_next_pixels(done, run->pixels);                                   \
            const int8_t *const x = run->first + next.first * step;                                     \
            int8_t *const to = output + next.first * out_step + o;                                      \
            if (next.count == 4) {                                                                      \
                tk_pixels_##isa(d, &q, x, run->offset, step, to, out_step, 4);                          \
            } else {                                                                                    \
                tk_pixels_##isa(d, &q, x, run->offset, step, to, out_step, 2);                          \
            }                                                                                           \
            done = next.first + next.count;                                                             \
        }                                                                                               \
    }

static TK_NOINLINE TK_UNUSED void tk_depthwise_s8_c(const tk_depthwise_s8 *d, const tk_depthwise_run *run,
                                                    int8_t *output) {
    const int32_t stride = (d->channels + 7) & ~7;
    for (int32_t p = 0; p < run->pixels; ++p) {
        const int8_t *x = run->first + p * run->step;
        for (int32_t o = 0; o < d->channels; ++o) {
            int32_t acc = d->bias[o];
            for (int32_t t = 0; t < d->taps; ++t) acc += x[run->offset[t] + o] * d->weight[t * stride + o];
            *output++ = tk_requantize_s8(acc, o, d->requant);
        }
    }
}

#endif
