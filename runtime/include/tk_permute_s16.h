/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_PERMUTE_S16_H
#define TK_PERMUTE_S16_H

#include "tk.h"

/* output[i][j][k][l] = input[i * si + j * sj + k * sk + l * sl], output (ni, nj, nk, nl). */
TK_KERNEL void tk_permute_s16(const int16_t *TK_RESTRICT input, int16_t *TK_RESTRICT output, int32_t ni,
                              int32_t nj, int32_t nk, int32_t nl, int32_t si, int32_t sj, int32_t sk,
                              int32_t sl) {
    for (int32_t i = 0; i < ni; ++i) {
        for (int32_t j = 0; j < nj; ++j) {
            for (int32_t k = 0; k < nk; ++k) {
                const int16_t *from = input + i * si + j * sj + k * sk;
                TK_ROLLED
                for (int32_t l = 0; l < nl; ++l) *output++ = from[l * sl];
            }
        }
    }
}

#endif
