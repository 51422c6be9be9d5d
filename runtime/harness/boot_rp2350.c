/* SPDX-License-Identifier: Apache-2.0 */
/* What the RP2350's boot ROM looks for in the first 4 KB of flash: an image definition, here with the place of the vector
 * table (RP2350 data sheet, sections 5.9.3 and 5.9.5). */

#include <stdint.h>

extern const uintptr_t tk_vectors[];

struct image_definition {
    uint32_t start, type, vectors_item;
    const uintptr_t *vectors;
    uint32_t last_item, next, end;
};

__attribute__((section(".boot"), used)) const struct image_definition tk_image_definition = {
    .start = 0xFFFFDED3u,
    .type = 0x10210142u,         /* item 0x42 of 1 word: an executable, secure, for Arm, on an RP2350 */
    .vectors_item = 0x00000203u, /* item 0x03 of 2 words */
    .vectors = tk_vectors,
    .last_item = 0x000003FFu, /* the items take 3 words */
    .next = 0,                /* no other block */
    .end = 0xAB123579u,
};
