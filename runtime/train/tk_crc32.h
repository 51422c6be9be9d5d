/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_CRC32_H
#define TK_CRC32_H

#include <stdint.h>

/* CRC-32 of IEEE 802.3, as zlib has it: reflected, polynomial 0xEDB88320. Begin with 0; give the result of the first
 * part to go on with a second. Finds every burst of up to 32 bits, and any three wrong bits in up to 11 KB. Four bits
 * a step, from a table of 64 bytes: states are read at the speed of flash, not of a cache. */
static inline uint32_t tk_crc32(uint32_t crc, const void *data, uint32_t bytes) {
    static const uint32_t table[16] = {
        0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
        0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
        0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
    };
    const uint8_t *from = (const uint8_t *)data;
    crc = ~crc;
    for (uint32_t i = 0; i < bytes; ++i) {
        crc ^= from[i];
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
    }
    return ~crc;
}

#endif
