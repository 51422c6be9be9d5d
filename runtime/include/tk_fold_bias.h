/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FOLD_BIAS_H
#define TK_FOLD_BIAS_H

#include "tk.h"

/* folded[o] = bias[o] - zero_point * sum of weight[o]: the bias of a layer whose inputs are taken as they are. weight
 * (channels, depth). For weights that are known at run time only; elsewhere it is done beforehand. */
TK_INLINE void tk_fold_bias_s8(const int8_t *weight, const int32_t *bias, int32_t zero_point, int32_t *folded,
                               int32_t channels, int32_t depth) {
    for (int32_t o = 0; o < channels; ++o, weight += depth) {
        int32_t sum = 0;
        for (int32_t k = 0; k < depth; ++k) sum += weight[k];
        folded[o] = bias[o] - zero_point * sum;
    }
}

#endif
