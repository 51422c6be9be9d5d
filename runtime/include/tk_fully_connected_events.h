/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_EVENTS_H
#define TK_FULLY_CONNECTED_EVENTS_H

#include "tk_events.h"

/* As tk_fully_connected_wide of spikes, by the places of the ones. `list` holds depth + 1 of them. */
TK_INLINE void tk_fully_connected_by_events(const int8_t *input, const uint32_t *weight,
                                            const tk_requant_wide *requant, uint16_t *list, int16_t *output,
                                            int32_t rows, int32_t depth, int32_t channels, int32_t ternary,
                                            int32_t large) {
    for (int32_t row = 0; row < rows; ++row, input += depth, output += channels) {
        const uint16_t *const end = tk_list_bytes(input, depth, 0, list);
        tk_event_row(list, end, weight, requant, output, depth, channels, ternary, large);
    }
}

#define TK_FULLY_CONNECTED_EVENTS(name, ternary, large)                                                    \
    TK_KERNEL void name(const int8_t *input, const uint32_t *weight, const tk_requant_wide *requant,       \
                        uint16_t *list, int16_t *output, int32_t rows, int32_t depth, int32_t channels) {  \
        tk_fully_connected_by_events(input, weight, requant, list, output, rows, depth, channels, ternary, \
                                     large);                                                               \
    }

TK_FULLY_CONNECTED_EVENTS(tk_fully_connected_events_s8, 0, 0)
TK_FULLY_CONNECTED_EVENTS(tk_fully_connected_events_s8_large, 0, 1)
TK_FULLY_CONNECTED_EVENTS(tk_fully_connected_events_t2, 1, 0)

#endif
