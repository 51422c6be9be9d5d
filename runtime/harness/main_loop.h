/* SPDX-License-Identifier: Apache-2.0 */
/* What a program does with the model, wherever its files are: every sample of the input through it, or text. `main` defines
 * READ(data, bytes) and WRITE(data, bytes), which move a tensor and leave the loop at an end; built with -DMODEL_TRACE also
 * write_trace(data, bytes), to which (layer, bytes, data) of every layer goes. */
#ifndef TK_MAIN_LOOP_H
#define TK_MAIN_LOOP_H

#include <stdint.h>

#include "model.h"

#ifdef MODEL_TRACE
static void write_trace(const void *data, unsigned bytes);
void model_trace(unsigned layer, const void *data, unsigned bytes);

void model_trace(unsigned layer, const void *data, unsigned bytes) {
    const uint32_t header[2] = {layer, bytes};
    write_trace(header, sizeof header);
    write_trace(data, bytes);
}
#endif

#ifdef MODEL_STATE_BYTES
#define TK_RESET model_reset();
#else
#define TK_RESET
#endif

#if defined(MODEL_GENERATE)
#include "generate.h"
#define TK_LOOP TK_WRITE_TEXT
#elif defined(MODEL_BLOCKS)
#define TK_LOOP                    \
    for (;;) {                     \
        MODEL_BLOCK_INPUTS(READ)   \
        model_block_run();         \
        MODEL_BLOCK_OUTPUTS(WRITE) \
    }
#else
#define TK_LOOP              \
    for (;;) {               \
        MODEL_INPUTS(READ)   \
        model_run();         \
        MODEL_OUTPUTS(WRITE) \
    }
#endif

#define TK_MAIN_LOOP TK_RESET TK_LOOP

#endif
