/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CONV2D_S4_MVE_H
#define TK_CONV2D_S4_MVE_H

#include "tk_conv2d_s8_mve.h"

/* The same with tiles of four-bit weights, which `row` reads. */
#define tk_conv2d_s4_mve tk_conv2d_s8_mve

#endif
