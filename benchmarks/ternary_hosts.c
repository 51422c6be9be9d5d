/* SPDX-License-Identifier: Apache-2.0 */
/* What ternary_hosts.py times: reading memory, and ternary matrix products on matrix after matrix. */

#include "tk_ternary_simd.h"

/* `count` products, each with the next matrix of `bytes`. */
void products(const int8_t *input, const uint8_t *weight, int32_t packing, int32_t *output, int32_t rows,
              int32_t depth, int32_t channels, int64_t bytes, int32_t count) {
    for (int32_t i = 0; i < count; ++i) {
        tk_matmul_ternary(input, weight, packing, output, rows, depth, channels);
        weight += bytes;
    }
}

/* Read `bytes` (a multiple of 256) once, fetching `ahead` bytes before they are used, or leaving that to the processor. */
uint64_t read_memory(const uint64_t *memory, int64_t bytes, int64_t ahead) {
    uint64_t sum[32] = {0};
    for (int64_t i = 0; i < bytes / 8; i += 32) {
        if (ahead > 0) {
            for (int64_t line = 0; line < 256; line += 64) {
                __builtin_prefetch((const char *)(memory + i) + ahead + line);
            }
        }
        for (int32_t lane = 0; lane < 32; ++lane) sum[lane] += memory[i + lane];
    }
    for (int32_t lane = 1; lane < 32; ++lane) sum[0] += sum[lane];
    return sum[0];
}
