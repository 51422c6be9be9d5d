/* SPDX-License-Identifier: Apache-2.0 */
/* Run the model on every sample of input.bin and append its outputs to output.bin, in the working directory.
 * Built with -DMODEL_TRACE it also appends (layer, bytes, data) of every layer to trace.bin. */

#include <stdio.h>

#include "main_loop.h"

#ifdef MODEL_TRACE
static FILE *trace;

static void write_trace(const void *data, unsigned bytes) { fwrite(data, 1, bytes, trace); }
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
    TK_MAIN_LOOP
#ifdef MODEL_TRACE
    if (fclose(trace)) {
        return 1;
    }
#endif
    return fclose(output) ? 1 : 0;
}
