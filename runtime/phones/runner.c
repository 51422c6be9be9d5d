/* SPDX-License-Identifier: Apache-2.0 */
/* Run the model on every sample of input.bin, write its outputs to output.bin, and time it:
 *     runner [RUNS]
 * writes nanoseconds of RUNS single runs (100), one a line, to times.txt. Inputs and outputs lie one after the other as the
 * model takes and gives them: see manifest.json. */

#define _POSIX_C_SOURCE 199309L

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "model.h"

enum { WARM_UP = 3 };

/* The end of the input ends the loop; `part` counts the bytes of the sample that is being read. */
#define READ(data, bytes)                     \
    {                                         \
        const size_t before = part;           \
        part += fread(data, 1, bytes, input); \
        if (part - before != (bytes)) {       \
            break;                            \
        }                                     \
    }
#define WRITE(data, bytes)                           \
    if (fwrite(data, 1, bytes, output) != (bytes)) { \
        failed = 1;                                  \
        break;                                       \
    }

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void reset(void) {
#ifdef MODEL_STATE_BYTES
    model_reset();
#endif
}

static int compute(void) {
    int failed = 0;
    long samples = 0;
    size_t part = 0;
    FILE *const input = fopen("input.bin", "rb");
    FILE *const output = fopen("output.bin", "wb");
    if (!input || !output) {
        perror("input.bin, output.bin");
        return 1;
    }
    reset();
    for (;;) {
        part = 0;
        MODEL_INPUTS(READ)
        model_run();
        MODEL_OUTPUTS(WRITE)
        samples++;
    }
    fclose(input);
    if (fclose(output) || failed) {
        perror("output.bin");
        return 1;
    }
    if (!samples || part) {
        fprintf(stderr, "input.bin: %ld samples and %lu bytes of another one\n", samples,
                (unsigned long)part);
        return 1;
    }
    printf("%ld samples of input.bin, to output.bin\n", samples);
    return 0;
}

static int measure(long runs) {
    FILE *const times = fopen("times.txt", "w");
    if (!times) {
        perror("times.txt");
        return 1;
    }
    reset();
    for (long i = -WARM_UP; i < runs; i++) {
        size_t part = 0;
        FILE *const input = fopen("input.bin", "rb");
        if (!input) {
            break;
        }
        do {
            MODEL_INPUTS(READ)
        } while (0);
        fclose(input);
        const uint64_t start = now_ns();
        model_run();
        const uint64_t taken = now_ns() - start;
        if (i >= 0) {
            fprintf(times, "%llu\n", (unsigned long long)taken);
        }
    }
    return fclose(times);
}

int main(int count, char **arguments) {
    char *end = "";
    const long runs = count > 1 ? strtol(arguments[1], &end, 10) : 100;
    if (runs < 0 || count > 2 || *end) {
        fprintf(stderr, "usage: runner [RUNS], with input.bin in this folder\n");
        return 2;
    }
    if (compute() || (runs && measure(runs))) {
        return 1;
    }
    if (runs) {
        printf("%ld times in ns, to times.txt\n", runs);
    }
    return 0;
}
