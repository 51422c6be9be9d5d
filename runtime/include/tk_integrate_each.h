/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_INTEGRATE_EACH_H
#define TK_INTEGRATE_EACH_H

#include "tk_each.h"
#include "tk_integrate.h"

/* As tk_integrate.h, for neurons with numbers of their own, which begin again after `period` of them. `v` and `rise` may
 * be 0 as there. */
typedef struct {
    int32_t reset, strict, period;
    tk_each_f32 decay, gain, offset, threshold, v_reset;
} tk_neurons_f32;

typedef struct {
    int32_t reset, shift, period;
    tk_each_s16 decay, gain;
    tk_each_s32 offset, threshold;
    tk_each_s16 v_reset;
} tk_neurons_s16;

TK_KERNEL void tk_integrate_each_f32(const float *input, const float *v, const float *rise,
                                     const tk_neurons_f32 *neurons, float *output, int32_t size) {
    for (int32_t i = 0, at = 0; i < size; ++i) {
        const tk_neuron_f32 one = {neurons->reset,
                                   neurons->strict,
                                   TK_EACH(neurons->decay, at),
                                   TK_EACH(neurons->gain, at),
                                   TK_EACH(neurons->offset, at),
                                   TK_EACH(neurons->threshold, at),
                                   TK_EACH(neurons->v_reset, at)};
        tk_integrate_f32(input + i, v ? v + i : 0, rise ? rise + i : 0, &one, output + i, 1);
        if (++at == neurons->period) at = 0;
    }
}

TK_INLINE tk_neuron_s16 tk_neuron_at(const tk_neurons_s16 *neurons, int32_t at) {
    const tk_neuron_s16 one = {neurons->reset,
                               TK_EACH(neurons->decay, at),
                               TK_EACH(neurons->gain, at),
                               TK_EACH(neurons->offset, at),
                               neurons->shift,
                               TK_EACH(neurons->threshold, at),
                               TK_EACH(neurons->v_reset, at)};
    return one;
}

TK_KERNEL void tk_integrate_each_s16(const int16_t *input, const int16_t *v, const int16_t *rise,
                                     const tk_neurons_s16 *neurons, int16_t *output, int32_t size) {
    for (int32_t i = 0, at = 0; i < size; ++i) {
        const tk_neuron_s16 one = tk_neuron_at(neurons, at);
        tk_integrate_s16(input + i, v ? v + i : 0, rise ? rise + i : 0, &one, output + i, 1);
        if (++at == neurons->period) at = 0;
    }
}

TK_KERNEL void tk_integrate_spikes_each_s16(const int8_t *input, const int16_t *v, const int16_t *rise,
                                            const tk_neurons_s16 *neurons, int16_t *output, int32_t size) {
    for (int32_t i = 0, at = 0; i < size; ++i) {
        const tk_neuron_s16 one = tk_neuron_at(neurons, at);
        tk_integrate_spikes_s16(input + i, v ? v + i : 0, rise ? rise + i : 0, &one, output + i, 1);
        if (++at == neurons->period) at = 0;
    }
}

#endif
