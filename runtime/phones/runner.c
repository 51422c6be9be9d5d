/* SPDX-License-Identifier: Apache-2.0 */
/* Run the model on every sample of input.bin, write its outputs to output.bin, and time it:
 *     runner [RUNS]
 * prints nanoseconds of RUNS single runs (100), one a line, to times.txt. Inputs and outputs lie one after the other as the
 * model takes and gives them: see manifest.json. */

#define _POSIX_C_SOURCE 199309L

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "model.h"

enum { WARM_UP = 3 };

/* The input ends the loop; output.bin is then as long as it should be, or something went wrong. */
#define READ(data, bytes)                          \
    if (fread(data, 1, bytes, input) != (bytes)) { \
        break;                                     \
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
    FILE *const input = fopen("input.bin", "rb");
    FILE *const output = fopen("output.bin", "wb");
    if (!input || !output) {
        perror("input.bin, output.bin");
        return 1;
    }
    reset();
    for (;;) {
        MODEL_INPUTS(READ)
        model_run();
        MODEL_OUTPUTS(WRITE)
    }
    fclose(input);
    return fclose(output) || failed;
}

static int measure(long runs) {
    FILE *const times = fopen("times.txt", "w");
    if (!times) {
        perror("times.txt");
        return 1;
    }
    reset();
    for (long i = -WARM_UP; i < runs; i++) {
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
    const long runs = count > 1 ? strtol(arguments[1], NULL, 10) : 100;
    if (runs < 0 || compute()) {
        fprintf(stderr, "usage: runner [RUNS], with input.bin in this folder\n");
        return 1;
    }
    return runs && measure(runs) ? 1 : 0;
}
