/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_EACH_H
#define TK_EACH_H

#include "tk.h"

/* A number of neurons: one for each, `each` being 1, or one for all, `each` being 0. */
typedef struct {
    const float *values;
    int32_t each;
} tk_each_f32;

typedef struct {
    const int32_t *values;
    int32_t each;
} tk_each_s32;

typedef struct {
    const int16_t *values;
    int32_t each;
} tk_each_s16;

/* That of neuron `at`. */
#define TK_EACH(number, at) ((number).values[(at) * (number).each])

#endif
