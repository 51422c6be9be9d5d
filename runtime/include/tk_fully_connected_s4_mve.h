/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_S4_MVE_H
#define TK_FULLY_CONNECTED_S4_MVE_H

#include "tk_fully_connected_s8_mve.h"

/* The same with tiles of four-bit weights, which `pixel` reads. */
#define tk_fully_connected_s4_mve tk_fully_connected_s8_mve

#endif
