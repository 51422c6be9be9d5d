/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_PAD_S16_H
#define TK_PAD_S16_H

#include "tk_box.h"

/* Put the input inside a larger output whose other values are `value`. */
TK_KERNEL void tk_pad_s16(const int16_t *TK_RESTRICT input, int16_t value, int16_t *TK_RESTRICT output,
                          const tk_box *box) {
    for (int32_t i = 0; i < box->outer[0]; ++i) {
        for (int32_t j = 0; j < box->outer[1]; ++j) {
            for (int32_t k = 0; k < box->outer[2]; ++k) {
                const int inside = tk_inside(box, 0, i) && tk_inside(box, 1, j) && tk_inside(box, 2, k);
                const int32_t begin = inside ? box->before[3] : box->outer[3];
                const int32_t end = inside ? begin + box->inner[3] : box->outer[3];
                int32_t l = 0;
                for (; l < begin; ++l) *output++ = value;
                for (; l < end; ++l) *output++ = *input++;
                for (; l < box->outer[3]; ++l) *output++ = value;
            }
        }
    }
}

#endif
