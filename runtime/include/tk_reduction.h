/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_REDUCTION_H
#define TK_REDUCTION_H

#include "tk.h"

/* An input of five axes (kept[0], reduced[0], kept[1], reduced[1], kept[2]), of which the reduced ones become one value. */
typedef struct {
    int32_t kept[3], reduced[2];
} tk_reduction;

/* How far apart the values that become one lie: along the second reduced axis, and along the first. */
TK_INLINE int32_t tk_inner_stride(const tk_reduction *s) { return s->kept[2]; }
TK_INLINE int32_t tk_outer_stride(const tk_reduction *s) { return s->kept[1] * s->reduced[1] * s->kept[2]; }

/* The first of the values that become output (i, j, k). */
TK_INLINE int32_t tk_first_of(const tk_reduction *s, int32_t i, int32_t j, int32_t k) {
    return (i * s->reduced[0] * s->kept[1] + j) * s->reduced[1] * s->kept[2] + k;
}

/* Make each output of the values that become it: `total` begins as `first`, an expression of `from`, where they lie,
 * and becomes `next` with each `value`; the output is `result`. */
#define TK_REDUCE(type, accumulator, first, next, result)                                         \
    for (int32_t i = 0; i < s->kept[0]; ++i) {                                                    \
        for (int32_t j = 0; j < s->kept[1]; ++j) {                                                \
            for (int32_t k = 0; k < s->kept[2]; ++k) {                                            \
                const type *from = input + tk_first_of(s, i, j, k);                               \
                accumulator total = first;                                                        \
                for (int32_t m = 0; m < s->reduced[0]; ++m) {                                     \
                    for (int32_t n = 0; n < s->reduced[1]; ++n) {                                 \
                        const type value = from[m * tk_outer_stride(s) + n * tk_inner_stride(s)]; \
                        total = next;                                                             \
                    }                                                                             \
                }                                                                                 \
                *output++ = result;                                                               \
            }                                                                                     \
        }                                                                                         \
    }

#endif
