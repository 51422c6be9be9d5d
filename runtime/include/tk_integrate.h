/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_INTEGRATE_H
#define TK_INTEGRATE_H

#include "tk.h"

/* A step of spiking neurons: who spiked in the last step is reset, then potentials decay and take what comes in. `v` is
 * the potential before that reset; `rise`, or 0, is how much higher each threshold was. `output` may be `v` or `input`. */
typedef struct {
    int32_t reset;  /* 0: none, 1: to v_reset, 2: by the threshold; 3: all are v_reset, and there is no v */
    int32_t strict; /* 1: the threshold itself made no spike */
    float decay, gain, offset, threshold, v_reset;
} tk_neuron_f32;

TK_KERNEL void tk_integrate_f32(const float *input, const float *v, const float *rise,
                                const tk_neuron_f32 *neuron, float *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) {
        float kept = neuron->reset == 3 ? neuron->v_reset : v[i];
        if (neuron->reset == 1 || neuron->reset == 2) {
            const float level = rise ? rise[i] + neuron->threshold : neuron->threshold;
            if (neuron->strict ? kept > level : kept >= level)
                kept = neuron->reset == 1 ? neuron->v_reset : kept - level;
        }
        const float moved = kept * neuron->decay + input[i] * neuron->gain;
        output[i] = neuron->offset != 0.0f ? moved + neuron->offset : moved;
    }
}

/* The same in integers: threshold, v_reset and rise in steps of v; output = (kept * decay + input * gain + offset) >> shift,
 * with the half that rounds in the offset. Decay and gain are at most 2^14: sums stay in 32 bits. */
typedef struct {
    int32_t reset;
    int32_t decay, gain, offset, shift, threshold, v_reset;
} tk_neuron_s16;

TK_INLINE int16_t tk_saturated_s16(int32_t value) {
#ifdef __ARM_FEATURE_SAT
    int32_t saturated;
    __asm("ssat %0, #16, %1" : "=r"(saturated) : "r"(value));
    return (int16_t)saturated;
#else
    return (int16_t)tk_clamp(value, -32768, 32767);
#endif
}

/* The potential of neuron i after the reset of its last spike. */
TK_INLINE int32_t tk_kept_s16(const int16_t *v, const int16_t *rise, const tk_neuron_s16 *neuron, int32_t i) {
    if (neuron->reset == 3) return neuron->v_reset;
    if (neuron->reset) {
        const int32_t level = rise ? rise[i] + neuron->threshold : neuron->threshold;
        if (v[i] >= level) return neuron->reset == 1 ? neuron->v_reset : tk_min(v[i] - level, 32767);
    }
    return v[i];
}

TK_KERNEL void tk_integrate_s16(const int16_t *input, const int16_t *v, const int16_t *rise,
                                const tk_neuron_s16 *neuron, int16_t *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) {
        const int32_t moved = neuron->offset + tk_kept_s16(v, rise, neuron, i) * neuron->decay;
        output[i] = tk_saturated_s16((moved + input[i] * neuron->gain) >> neuron->shift);
    }
}

/* Of spikes: each adds `gain` steps of the output. */
TK_KERNEL void tk_integrate_spikes_s16(const int8_t *input, const int16_t *v, const int16_t *rise,
                                       const tk_neuron_s16 *neuron, int16_t *output, int32_t size) {
    for (int32_t i = 0; i < size; ++i) {
        const int32_t moved = neuron->offset + tk_kept_s16(v, rise, neuron, i) * neuron->decay;
        output[i] = tk_saturated_s16((moved >> neuron->shift) + input[i] * neuron->gain);
    }
}

#endif
