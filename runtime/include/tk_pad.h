/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_PAD_H
#define TK_PAD_H

#include "tk_values.h"

/* A box of `inner` values per axis inside one of `outer` values, `before` values from its start. */
typedef struct {
    int32_t outer[4], inner[4], before[4];
} tk_box;

TK_INLINE int tk_inside(const tk_box *box, int32_t axis, int32_t i) {
    return i >= box->before[axis] && i < box->before[axis] + box->inner[axis];
}

/* Put the input inside a larger output whose other values are `value`; all of `bytes` bytes. */
TK_KERNEL void tk_pad(const void *TK_RESTRICT input, const void *value, void *TK_RESTRICT output,
                      int32_t bytes, const tk_box *box) {
    const int8_t *from = (const int8_t *)input;
    int8_t *to = (int8_t *)output;
    for (int32_t i = 0; i < box->outer[0]; ++i) {
        for (int32_t j = 0; j < box->outer[1]; ++j) {
            for (int32_t k = 0; k < box->outer[2]; ++k) {
                const int inside = tk_inside(box, 0, i) && tk_inside(box, 1, j) && tk_inside(box, 2, k);
                if (inside) {
                    int8_t *const begin = to + box->before[3] * bytes;
                    tk_repeat_value(value, to, box->before[3], bytes);
                    tk_copy_values(from, begin, box->inner[3], bytes);
                    tk_repeat_value(value, begin + box->inner[3] * bytes,
                                    box->outer[3] - box->before[3] - box->inner[3], bytes);
                    from += box->inner[3] * bytes;
                } else {
                    tk_repeat_value(value, to, box->outer[3], bytes);
                }
                to += box->outer[3] * bytes;
            }
        }
    }
}

#endif
