/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MATRIX_S8_SIMD_H
#define TK_MATRIX_S8_SIMD_H

#include "tk_matrix_s8_avx2.h"
#include "tk_matrix_s8_neon.h"
#include "tk_matrix_s8_vnni.h"

/* Multiply 1 .. 4 columns by whatever this machine has. `wide` holds 4 * depth lanes; column i may lie in the upper
 * half of lanes i * depth and up (tk_matrix_column). Reads whole columns of `depth` bytes. */
TK_INLINE void tk_matrix_s8_simd(const tk_matrix_s8 *m, const int8_t *const *column, int16_t *wide,
                                 int32_t columns, int8_t *output) {
#if defined(TK_HAS_NEON)
    (void)wide;
    tk_matrix_s8_neon(m, column, columns, output);
#else
#ifdef TK_HAS_AVX2
    const int cpu = tk_cpu();
#ifdef TK_HAS_VNNI
    if (cpu & TK_CPU_AVX_VNNI) {
        tk_matrix_s8_avx_vnni(m, column, wide, columns, output);
        return;
    }
    if (cpu & TK_CPU_AVX512_VNNI) {
        tk_matrix_s8_avx512_vnni(m, column, wide, columns, output);
        return;
    }
#endif
    if (cpu & TK_CPU_AVX2) {
        tk_matrix_s8_avx2(m, column, wide, columns, output);
        return;
    }
#endif
    (void)wide;
    tk_matrix_s8_c(m, column, columns, output);
#endif
}

#endif
