/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_VALUES_H
#define TK_VALUES_H

#include "tk.h"

#if defined(__GNUC__) || defined(__clang__)
#define TK_MAY_ALIAS __attribute__((may_alias))
#else
#define TK_MAY_ALIAS
#endif

/* Values of any type of their size. */
typedef int16_t TK_MAY_ALIAS tk_two_bytes;
typedef int32_t TK_MAY_ALIAS tk_four_bytes;

#define TK_COPY_AS(type, index) \
    for (int32_t i = 0; i < count; ++i) ((type *)to)[i] = ((const type *)from)[index]

/* Copy `count` neighbouring values of `size` bytes: 1, 2 or 4. The compiler makes it a block copy. */
TK_INLINE void tk_copy_values(const void *TK_RESTRICT from, void *TK_RESTRICT to, int32_t count,
                              int32_t size) {
    if (size == 4) {
        TK_COPY_AS(tk_four_bytes, i);
    } else if (size == 2) {
        TK_COPY_AS(tk_two_bytes, i);
    } else {
        TK_COPY_AS(int8_t, i);
    }
}

/* Write one value of `size` bytes `count` times. */
TK_INLINE void tk_repeat_value(const void *TK_RESTRICT from, void *TK_RESTRICT to, int32_t count,
                               int32_t size) {
    if (size == 4) {
        TK_COPY_AS(tk_four_bytes, 0);
    } else if (size == 2) {
        TK_COPY_AS(tk_two_bytes, 0);
    } else {
        TK_COPY_AS(int8_t, 0);
    }
}

/* As tk_copy_values, `stride` values apart in `from`. */
TK_INLINE void tk_copy_strided(const void *TK_RESTRICT from, void *TK_RESTRICT to, int32_t count,
                               int32_t stride, int32_t size) {
    if (size == 4) {
        TK_ROLLED TK_COPY_AS(tk_four_bytes, i * stride);
    } else if (size == 2) {
        TK_ROLLED TK_COPY_AS(tk_two_bytes, i * stride);
    } else {
        TK_ROLLED TK_COPY_AS(int8_t, i * stride);
    }
}

#endif
