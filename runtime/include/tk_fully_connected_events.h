/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_EVENTS_H
#define TK_FULLY_CONNECTED_EVENTS_H

#include "tk_events.h"

/* As tk_fully_connected_wide of spikes, by the places of the ones. `list` holds depth + 1 of them. */
TK_INLINE void tk_fully_connected_by_events(const int8_t *input, const uint32_t *weight,
                                            const uint32_t *start, const tk_event_requant *requant,
                                            uint16_t *list, int16_t *output, int32_t rows, int32_t depth,
                                            int32_t channels, int32_t ternary) {
    for (int32_t row = 0; row < rows; ++row, input += depth, output += channels) {
        const uint16_t *const end = tk_list_bytes(input, depth, 0, list);
        tk_event_row(list, end, weight, start, requant, output, depth, channels, ternary);
    }
}

TK_KERNEL void tk_fully_connected_events_s8(const int8_t *input, const uint32_t *weight,
                                            const uint32_t *start, const tk_event_requant *requant,
                                            uint16_t *list, int16_t *output, int32_t rows, int32_t depth,
                                            int32_t channels) {
    tk_fully_connected_by_events(input, weight, start, requant, list, output, rows, depth, channels, 0);
}

TK_KERNEL void tk_fully_connected_events_t2(const int8_t *input, const uint32_t *weight,
                                            const uint32_t *start, const tk_event_requant *requant,
                                            uint16_t *list, int16_t *output, int32_t rows, int32_t depth,
                                            int32_t channels) {
    tk_fully_connected_by_events(input, weight, start, requant, list, output, rows, depth, channels, 1);
}

#endif
