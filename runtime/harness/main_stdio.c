/* SPDX-License-Identifier: Apache-2.0 */
/* Run the model on every sample of input.bin and append its outputs to output.bin, in the working directory.
 * Built with -DMODEL_TRACE it also appends (layer, bytes, data) of every layer to trace.bin. */

#include <stdint.h>
#include <stdio.h>

#include "model.h"
#ifdef MODEL_GENERATE
#include "generate.h"
#endif

#ifdef MODEL_TRACE
void model_trace(unsigned layer, const void *data, unsigned bytes);
static FILE *trace;

void model_trace(unsigned layer, const void *data, unsigned bytes) {
    const uint32_t header[2] = {layer, bytes};
    fwrite(header, sizeof header, 1, trace);
    fwrite(data, 1, bytes, trace);
}
#endif

/* The input ends the loop; output.bin is then as long as it should be, or something went wrong. */
#define READ(data, bytes)                          \
    if (fread(data, 1, bytes, input) != (bytes)) { \
        break;                                     \
    }
#define WRITE(data, bytes)                           \
    if (fwrite(data, 1, bytes, output) != (bytes)) { \
        break;                                       \
    }

int main(void) {
    FILE *const input = fopen("input.bin", "rb");
    FILE *const output = fopen("output.bin", "wb");
#ifdef MODEL_TRACE
    trace = fopen("trace.bin", "wb");
    if (!trace) {
        return 1;
    }
#endif
    if (!input || !output) {
        return 1;
    }
#ifdef MODEL_GENERATE
    setvbuf(output, NULL, _IONBF, 0); /* who reads along sees every token at once */
#endif
#ifdef MODEL_STATE_BYTES
    model_reset();
#endif
#ifdef MODEL_GENERATE
    TK_WRITE_TEXT
#else
    for (;;) {
#ifdef MODEL_BLOCKS
        MODEL_BLOCK_INPUTS(READ)
        model_block_run();
        MODEL_BLOCK_OUTPUTS(WRITE)
#else
        MODEL_INPUTS(READ)
        model_run();
        MODEL_OUTPUTS(WRITE)
#endif
    }
#endif
#ifdef MODEL_TRACE
    if (fclose(trace)) {
        return 1;
    }
#endif
    return fclose(output) ? 1 : 0;
}
