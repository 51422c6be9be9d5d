/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_NOISE_H
#define TK_NOISE_H

#include "tk_functions_f32.h"
#include "tk_philox.h"

/* Noise that is drawn as it is used and never kept: value i is computed from the key, the draw and i, as
 * toolkit/learn/philox.py does. */
typedef struct {
    uint32_t key[2], counter[4];
    union {
        uint32_t words[4];
        float normals[4];
    } block;
    uint32_t used; /* of the block: bits of signs, or values */
} tk_noise;

TK_INLINE tk_noise tk_noise_start(uint32_t seed, uint32_t stream, int32_t draw) {
    const tk_noise noise = {{seed, stream}, {0, (uint32_t)draw, 0, 0}, {{0}}, 0};
    return noise;
}

TK_INLINE void tk_next_block(tk_noise *noise) {
    tk_philox(noise->counter, noise->key, noise->block.words);
    ++noise->counter[0];
    noise->used = 0;
}

/* Four standard normal values from four words, two from two, by Box and Muller's formula. */
static TK_NOINLINE TK_UNUSED void tk_next_normals(tk_noise *noise) {
    tk_next_block(noise);
    for (int32_t i = 0; i < 4; i += 2) {
        const float u = (float)(int32_t)(2 * (noise->block.words[i] >> 9) + 1) * 5.96046448e-08f;
        const float v = (float)(int32_t)(2 * (noise->block.words[i + 1] >> 9) + 1) * 5.96046448e-08f;
        const float radius = tk_sqrt_of_f32(-2.0f * tk_log_of_f32(u));
        const float angle = 6.28318531f * v;
        noise->block.normals[i] = radius * tk_sine_of_f32(angle, 1);
        noise->block.normals[i + 1] = radius * tk_sine_of_f32(angle, 0);
    }
}

TK_INLINE float tk_next_normal(tk_noise *noise) {
    if ((noise->used & 3) == 0) tk_next_normals(noise);
    return noise->block.normals[noise->used++];
}

/* From 0 up to but not including 1. */
TK_INLINE float tk_next_uniform(tk_noise *noise) {
    if ((noise->used & 3) == 0) tk_next_block(noise);
    return (float)(int32_t)(noise->block.words[noise->used++] >> 8) * 5.96046448e-08f;
}

/* The whole number below, within the bounds; NaN becomes the lower one. */
TK_INLINE int8_t tk_floor_within(float x, float smallest, float largest) {
    const float kept = x > smallest ? (x < largest ? x : largest) : smallest;
    const int32_t whole = (int32_t)kept;
    return (int8_t)(whole - (kept < (float)whole));
}

/* 32 signs, a bit each. */
TK_INLINE uint32_t tk_next_signs(tk_noise *noise) {
    if ((noise->used & 3) == 0) tk_next_block(noise);
    return noise->block.words[noise->used++];
}

/* The tensor's axes in the order in which noise is drawn for them, and how far apart their values lie in memory. */
typedef struct {
    int32_t size[4], stride[4];
} tk_axes;

/* Run `body` for every line along the last axis, whose values lie at `at`, `at + stride[3]`, ... */
#define TK_EACH_LINE(axes, body)                                                                 \
    for (int32_t i = 0; i < (axes).size[0]; ++i) {                                               \
        for (int32_t j = 0; j < (axes).size[1]; ++j) {                                           \
            for (int32_t k = 0; k < (axes).size[2]; ++k) {                                       \
                int32_t at = i * (axes).stride[0] + j * (axes).stride[1] + k * (axes).stride[2]; \
                body                                                                             \
            }                                                                                    \
        }                                                                                        \
    }

#endif
