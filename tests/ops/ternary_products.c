/* SPDX-License-Identifier: Apache-2.0 */
/* Ternary matrix products from standard input to standard output: for each, int32 packing, rows, depth, channels, the
 * bytes of the weights, then rows x depth int8; back come rows x channels int32. Arrays have exactly their size. */

#include <stdio.h>
#include <stdlib.h>

#include "tk_ternary_simd.h"

int main(void) {
    int32_t shape[5];
    while (fread(shape, 4, 5, stdin) == 5) {
        const int32_t rows = shape[1], depth = shape[2], channels = shape[3], bytes = shape[4];
        uint8_t *const weight = malloc((size_t)bytes);
        int8_t *const input = malloc((size_t)(rows * depth));
        int32_t *const output = malloc((size_t)(rows * channels) * 4);
        if (fread(weight, 1, (size_t)bytes, stdin) != (size_t)bytes) return 1;
        if (fread(input, 1, (size_t)(rows * depth), stdin) != (size_t)(rows * depth)) return 1;
        tk_matmul_ternary(input, weight, shape[0], output, rows, depth, channels);
        if (fwrite(output, 4, (size_t)(rows * channels), stdout) != (size_t)(rows * channels)) return 1;
        free(weight);
        free(input);
        free(output);
    }
    return 0;
}
