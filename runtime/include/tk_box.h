/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_BOX_H
#define TK_BOX_H

#include "tk.h"

/* A box of `inner` values per axis inside one of `outer` values, `before` values from its start. */
typedef struct {
    int32_t outer[4], inner[4], before[4];
} tk_box;

TK_INLINE int tk_inside(const tk_box *box, int32_t axis, int32_t i) {
    return i >= box->before[axis] && i < box->before[axis] + box->inner[axis];
}

#endif
