/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TRANSPOSED_H
#define TK_TRANSPOSED_H

#include "tk_window.h"

/* Which of `size` inputs, laid `stride` apart, lies at `place`; -1 where none does. */
TK_INLINE int32_t tk_source(int32_t place, int32_t stride, int32_t size) {
    const int32_t index = place / stride;
    return place >= 0 && place % stride == 0 && index < size ? index : -1;
}

#endif
