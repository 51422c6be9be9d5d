/* SPDX-License-Identifier: Apache-2.0 */
/* Where a model's parts lie in an image, for what counts them as they run. The file has lines "body START END",
 * "caller START END" and "layer ADDRESS 0", in hexadecimal; emulators/qemu_plugin.py writes it. */
#ifndef TK_MARKS_H
#define TK_MARKS_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LAYERS = 4096 };

static uint64_t body_start, body_end, caller_start, caller_end, layer_address[MAX_LAYERS];
static int layers;

/* Return 0, or -1 where there is no such file. */
static int read_marks(const char *path) {
    FILE *const marks = fopen(path, "r");
    char kind[8];
    uint64_t first, second;
    if (!marks) return -1;
    while (fscanf(marks, "%7s %" SCNx64 " %" SCNx64, kind, &first, &second) == 3) {
        if (!strcmp(kind, "body")) {
            body_start = first;
            body_end = second;
        } else if (!strcmp(kind, "caller")) {
            caller_start = first;
            caller_end = second;
        } else if (layers < MAX_LAYERS) {
            layer_address[layers++] = first;
        }
    }
    fclose(marks);
    return 0;
}

#endif
