/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_SLOTS_H
#define TK_SLOTS_H

#include "tk_crc32.h"
#include "tk_flash.h"

/* What a device has learnt, kept in flash. The stretch of flash is cut into two slots of equal size. A save goes to the
 * slot that does not hold the newest content, and writes its header last, so whenever the power fails, the slot that
 * was good before still is. A load takes nothing until all of a slot was read and its checksum is right. */

typedef enum {
    TK_SLOTS_OK = 0,
    TK_SLOTS_EMPTY = -1,       /* nothing was ever saved here */
    TK_SLOTS_CORRUPT = -2,     /* a checksum is wrong: a save was cut, or bits have changed */
    TK_SLOTS_OTHER_MODEL = -3, /* whole, but saved by another model */
    TK_SLOTS_OTHER_SIZE = -4,  /* whole and of this model, but as many bytes it does not have */
    TK_SLOTS_TOO_SMALL = -5,   /* a slot has no room for the states */
    TK_SLOTS_FLASH = -6,       /* the flash failed, or does not hold what was written to it */
} tk_slots_status;

/* One tensor that is kept. */
typedef struct {
    void *data;
    uint32_t bytes;
} tk_span;

typedef struct {
    const tk_flash *flash;
    const tk_span *spans;
    uint32_t count;       /* of spans */
    uint32_t fingerprint; /* of the model: what another one saved is not loaded */
} tk_slots;

/* What a slot is found to hold; `sequence` counts the saves and has a meaning only where `status` is TK_SLOTS_OK. */
typedef struct {
    tk_slots_status status;
    uint32_t sequence;
} tk_slot;

enum { TK_SLOTS_MAGIC = 0x31534B54, TK_SLOTS_CHUNK = 8 }; /* "TKS1"; words, one flash word of the widest */

/* The words of a header; the rest of its flash word stays ones. */
enum { TK_SLOT_MAGIC, TK_SLOT_MODEL, TK_SLOT_BYTES, TK_SLOT_SEQUENCE, TK_SLOT_CRC, TK_SLOT_HEADER_CRC };

static inline uint32_t tk_slots_bytes(const tk_slots *slots) {
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < slots->count; ++i) bytes += slots->spans[i].bytes;
    return bytes;
}

/* Bytes of one slot, a whole number of pages. */
static inline uint32_t tk_slots_size(const tk_slots *slots) {
    return slots->flash->pages / 2 * slots->flash->page_bytes;
}

/* Read a slot without taking anything: is all of it there, and whose is it? */
static inline tk_slot tk_slots_look(const tk_slots *slots, uint32_t index) {
    const tk_flash *const flash = slots->flash;
    const uint32_t start = index * tk_slots_size(slots), room = tk_slots_size(slots);
    tk_slot slot = {TK_SLOTS_FLASH, 0};
    uint32_t header[TK_SLOTS_CHUNK], ones = 0xFFFFFFFFu, any = 0;
    if (flash->read(flash, start, header, sizeof header)) return slot;
    for (uint32_t i = 0; i < TK_SLOTS_CHUNK; ++i) ones &= header[i], any |= header[i];
    /* erased flash is ones, memory that stands for flash may begin as zeros */
    slot.status = ones == 0xFFFFFFFFu || !any ? TK_SLOTS_EMPTY : TK_SLOTS_CORRUPT;
    if (header[TK_SLOT_MAGIC] != TK_SLOTS_MAGIC ||
        header[TK_SLOT_HEADER_CRC] != tk_crc32(0, header, 4 * TK_SLOT_HEADER_CRC) ||
        header[TK_SLOT_BYTES] > room - sizeof header) {
        return slot;
    }
    uint8_t part[4 * TK_SLOTS_CHUNK];
    uint32_t crc = 0;
    for (uint32_t at = 0; at < header[TK_SLOT_BYTES]; at += (uint32_t)sizeof part) {
        const uint32_t left = header[TK_SLOT_BYTES] - at;
        const uint32_t bytes = left < sizeof part ? left : (uint32_t)sizeof part;
        if (flash->read(flash, start + (uint32_t)sizeof header + at, part, bytes)) {
            slot.status = TK_SLOTS_FLASH;
            return slot;
        }
        crc = tk_crc32(crc, part, bytes);
    }
    if (crc != header[TK_SLOT_CRC]) return slot;
    slot.sequence = header[TK_SLOT_SEQUENCE];
    slot.status = header[TK_SLOT_MODEL] != slots->fingerprint      ? TK_SLOTS_OTHER_MODEL
                  : header[TK_SLOT_BYTES] != tk_slots_bytes(slots) ? TK_SLOTS_OTHER_SIZE
                                                                   : TK_SLOTS_OK;
    return slot;
}

/* The newest good one of two slots, 0 or 1, or -1. Sequence numbers may wrap around. */
static inline int tk_slots_newest(const tk_slot found[2]) {
    const int first = found[0].status == TK_SLOTS_OK, second = found[1].status == TK_SLOTS_OK;
    if (first && second) return (int32_t)(found[1].sequence - found[0].sequence) > 0;
    return first ? 0 : second ? 1 : -1;
}

/* Take the newest good content into the spans. Returns TK_SLOTS_OK; or why neither slot can be taken, and then the spans
 * are as before. `found`, when not NULL, gets both slots' states: after a TK_SLOTS_OK a corrupt one says that a save was
 * cut, or that what was newest is lost. */
static inline tk_slots_status tk_slots_load(const tk_slots *slots, tk_slot found[2]) {
    tk_slot own[2];
    tk_slot *const slot = found ? found : own;
    for (uint32_t i = 0; i < 2; ++i) slot[i] = tk_slots_look(slots, i);
    const int newest = tk_slots_newest(slot);
    if (newest < 0) { /* the more telling of the two */
        const int second = slot[0].status == TK_SLOTS_EMPTY ||
                           (slot[0].status == TK_SLOTS_CORRUPT && slot[1].status != TK_SLOTS_EMPTY);
        return slot[second].status;
    }
    uint32_t at = (uint32_t)newest * tk_slots_size(slots) + 4u * TK_SLOTS_CHUNK;
    for (uint32_t i = 0; i < slots->count; at += slots->spans[i++].bytes) {
        const tk_span span = slots->spans[i];
        if (slots->flash->read(slots->flash, at, span.data, span.bytes)) return TK_SLOTS_FLASH;
    }
    return TK_SLOTS_OK;
}

/* Write all spans' bytes from `at` on, joined; what is missing in the last chunk stays ones. Returns their checksum. */
static inline int tk_slots_write(const tk_slots *slots, uint32_t at, uint32_t *crc) {
    uint32_t chunk[TK_SLOTS_CHUNK], filled = 0;
    for (uint32_t i = 0; i < slots->count; ++i) {
        const uint8_t *const from = (const uint8_t *)slots->spans[i].data;
        *crc = tk_crc32(*crc, from, slots->spans[i].bytes);
        for (uint32_t k = 0; k < slots->spans[i].bytes; ++k) {
            if (!filled) {
                for (uint32_t w = 0; w < TK_SLOTS_CHUNK; ++w) chunk[w] = 0xFFFFFFFFu;
            }
            ((uint8_t *)chunk)[filled++] = from[k];
            if (filled < sizeof chunk) continue;
            if (slots->flash->program(slots->flash, at, chunk, TK_SLOTS_CHUNK)) return 1;
            at += (uint32_t)sizeof chunk;
            filled = 0;
        }
    }
    return filled && slots->flash->program(slots->flash, at, chunk, TK_SLOTS_CHUNK);
}

/* Keep what the spans hold. Returns TK_SLOTS_OK once it was read back whole, and its number in `sequence`, when that is
 * not NULL. After any other status, as after a loss of power, a load gives what it gave before, or, where only the last
 * step failed, what was to be kept. */
static inline tk_slots_status tk_slots_save(const tk_slots *slots, uint32_t *sequence) {
    const tk_flash *const flash = slots->flash;
    const uint32_t bytes = tk_slots_bytes(slots), room = tk_slots_size(slots);
    uint32_t header[TK_SLOTS_CHUNK];
    if (room < sizeof header || bytes > room - sizeof header) return TK_SLOTS_TOO_SMALL;
    const tk_slot found[2] = {tk_slots_look(slots, 0), tk_slots_look(slots, 1)};
    const int newest = tk_slots_newest(found);
    const uint32_t index = newest == 0, start = index * room;
    for (uint32_t page = 0; page < room / flash->page_bytes; ++page) {
        if (flash->erase(flash, start / flash->page_bytes + page)) return TK_SLOTS_FLASH;
    }
    for (uint32_t i = 0; i < TK_SLOTS_CHUNK; ++i) header[i] = 0xFFFFFFFFu;
    header[TK_SLOT_MAGIC] = TK_SLOTS_MAGIC;
    header[TK_SLOT_MODEL] = slots->fingerprint;
    header[TK_SLOT_BYTES] = bytes;
    header[TK_SLOT_SEQUENCE] = newest < 0 ? 1 : found[newest].sequence + 1;
    header[TK_SLOT_CRC] = 0;
    if (tk_slots_write(slots, start + (uint32_t)sizeof header, &header[TK_SLOT_CRC])) return TK_SLOTS_FLASH;
    header[TK_SLOT_HEADER_CRC] = tk_crc32(0, header, 4 * TK_SLOT_HEADER_CRC);
    if (flash->program(flash, start, header, TK_SLOTS_CHUNK)) return TK_SLOTS_FLASH;
    if (tk_slots_look(slots, index).status != TK_SLOTS_OK) return TK_SLOTS_FLASH;
    if (sequence) *sequence = header[TK_SLOT_SEQUENCE];
    return TK_SLOTS_OK;
}

#endif
