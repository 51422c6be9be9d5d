/* SPDX-License-Identifier: Apache-2.0 */
/* Text from a language model: a model that takes one token a run, int32, and gives a score for each that may follow,
 * int8. Built with -DMODEL_GENERATE, the harness reads a request and the prompt's tokens from input.bin, and appends
 * every token that it chooses to output.bin. */
#ifndef TK_GENERATE_H
#define TK_GENERATE_H

#include <stdint.h>

typedef struct {
    uint32_t prompt; /* tokens that follow in input.bin, at least 1 */
    uint32_t count;  /* tokens wanted */
    uint32_t random; /* state of the generator, or 0: the token with the highest score, the first of equals */
    uint32_t
        weights[256]; /* the chance of a token whose score is so far below the highest, times any factor */
} tk_request;

/* Marsaglia's xorshift (2003), 32 bits. */
static uint32_t tk_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static int32_t tk_choose(const int8_t *scores, int32_t count, tk_request *request) {
    int32_t best = 0;
    for (int32_t i = 1; i < count; ++i) {
        if (scores[i] > scores[best]) best = i;
    }
    if (!request->random) return best;
    uint64_t sum = 0;
    for (int32_t i = 0; i < count; ++i) sum += request->weights[scores[best] - scores[i]];
    /* 24 random bits are enough, and the product fits: weights are below 2^24, tokens below 2^16 */
    uint64_t left = (sum * (tk_random(&request->random) >> 8)) >> 24;
    for (int32_t i = 0; i < count; ++i) {
        const uint32_t weight = request->weights[scores[best] - scores[i]];
        if (left < weight) return i;
        left -= weight;
    }
    return best;
}

#define TK_SET_TOKEN(input, bytes) *(int32_t *)(void *)(input) = token;
#define TK_CHOOSE(output, bytes) token = tk_choose((const int8_t *)(output), (int32_t)(bytes), &request);

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
