/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_T2_MVE_H
#define TK_FULLY_CONNECTED_T2_MVE_H

#include "tk_fully_connected_s8_mve.h"

/* The same with ternary tiles, which `pixel` reads. */
#define tk_fully_connected_t2_mve tk_fully_connected_s8_mve

#endif
