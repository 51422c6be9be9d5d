/* SPDX-License-Identifier: Apache-2.0 */
/* Text from a language model: a model that takes one token a run, int32, and gives a score for each that may follow,
 * int8 or float32. Built with -DMODEL_GENERATE, the harness reads a request and the prompt's tokens from input.bin, and
 * appends every token that it chooses to output.bin. */
#ifndef TK_GENERATE_H
#define TK_GENERATE_H

#include <stdint.h>

typedef struct {
    uint32_t prompt; /* tokens that follow in input.bin, at least 1 */
    uint32_t count;  /* tokens wanted */
    uint32_t random; /* state of the generator, or 0: the token with the highest score, the first of equals */
    float steps;     /* 0 for int8 scores; of float32 ones, how many steps below the highest 1 is */
    uint32_t weights
        [256]; /* the chance of a token whose score is so many steps below the highest, times any factor */
} tk_request;

/* Marsaglia's xorshift (2003), 32 bits. */
static uint32_t tk_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* How many steps, at most 255, a token's score is below another's. Nothing here can be contracted to one rounding. */
static uint32_t tk_below(const void *scores, int32_t token, int32_t best, float steps) {
    if (steps == 0.0f) return (uint32_t)(((const int8_t *)scores)[best] - ((const int8_t *)scores)[token]);
    const float below = (((const float *)scores)[best] - ((const float *)scores)[token]) * steps;
    return below < 255.0f ? (uint32_t)below : 255;
}

static int tk_above(const void *scores, int32_t token, int32_t best, float steps) {
    return steps == 0.0f ? ((const int8_t *)scores)[token] > ((const int8_t *)scores)[best]
                         : ((const float *)scores)[token] > ((const float *)scores)[best];
}

static int32_t tk_choose(const void *scores, int32_t bytes, tk_request *request) {
    const float steps = request->steps;
    const int32_t count = steps == 0.0f ? bytes : bytes / 4;
    int32_t best = 0;
    for (int32_t i = 1; i < count; ++i) {
        if (tk_above(scores, i, best, steps)) best = i;
    }
    if (!request->random) return best;
    uint64_t sum = 0;
    for (int32_t i = 0; i < count; ++i) sum += request->weights[tk_below(scores, i, best, steps)];
    /* 24 random bits are enough, and the product fits: weights are at most 2^23, tokens at most 2^17 */
    uint64_t left = (sum * (tk_random(&request->random) >> 8)) >> 24;
    for (int32_t i = 0; i < count; ++i) {
        const uint32_t weight = request->weights[tk_below(scores, i, best, steps)];
        if (left < weight) return i;
        left -= weight;
    }
    return best;
}

#define TK_SET_TOKEN(input, bytes) *(int32_t *)(void *)(input) = token;
#define TK_CHOOSE(output, bytes) token = tk_choose(output, (int32_t)(bytes), &request);

/* Reads as much of the prompt as the model takes at once, where that much is left; else one token. */
#ifdef MODEL_BLOCK_ELEMENTS
#define TK_READ_BLOCK                                     \
    if (request.prompt >= given + MODEL_BLOCK_ELEMENTS) { \
        MODEL_BLOCK_INPUTS(READ)                          \
        model_block_run();                                \
        given += MODEL_BLOCK_ELEMENTS;                    \
        if (given == request.prompt) {                    \
            MODEL_BLOCK_OUTPUTS(TK_CHOOSE)                \
            WRITE(&token, sizeof token)                   \
        }                                                 \
        continue;                                         \
    }
#else
#define TK_READ_BLOCK
#endif

/* What main does in place of its loop over samples, with its own READ and WRITE, which leave the loop at an end. */
#define TK_WRITE_TEXT                                                                 \
    static tk_request request;                                                        \
    int32_t token = 0;                                                                \
    for (uint32_t given = 0; given + 1 < request.prompt + request.count || !given;) { \
        if (!given) {                                                                 \
            READ(&request, sizeof request)                                            \
        }                                                                             \
        TK_READ_BLOCK                                                                 \
        if (given < request.prompt) {                                                 \
            READ(&token, sizeof token)                                                \
        }                                                                             \
        MODEL_INPUTS(TK_SET_TOKEN)                                                    \
        model_run();                                                                  \
        if (++given >= request.prompt) {                                              \
            MODEL_OUTPUTS(TK_CHOOSE)                                                  \
            WRITE(&token, sizeof token)                                               \
        }                                                                             \
    }

#endif
