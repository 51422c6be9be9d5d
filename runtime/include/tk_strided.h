/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_STRIDED_H
#define TK_STRIDED_H

#include "tk.h"

/* How an output of six axes reads an input: the axes' sizes, and how far apart in the input neighbours along each lie:
 * 0 repeats, less than 0 goes backwards. */
typedef struct {
    int32_t size[6], stride[6];
} tk_strided;

#endif
