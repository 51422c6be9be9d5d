/* SPDX-License-Identifier: Apache-2.0 */
/* The checked form of a command, #SEQUENCE:LENGTH:command:CRC%, and of its answer, which ends in
 * m-crc-[SEQUENCE:LENGTH:CRC]. Both CRCs are those of tk_crc32.h, in eight hex digits: of all between # and the last
 * colon, and of the answer's bytes followed by SEQUENCE:LENGTH. No part of a frame that a cut leaves is a command.
 *
 * A host opens with `sync`, at any sequence number, and counts on by one. The number of the last command again means that
 * its answer was lost: it is told once more, and what it changes is not changed twice. Any other number is refused: the
 * board has been reset, or somebody typed a command in between. */
#ifndef TK_SERIAL_CHECK_H
#define TK_SERIAL_CHECK_H

#include "serial_text.h"

enum { CHECK_VERSION = 1, CRC_DIGITS = 8 };

static struct {
    uint32_t sequence; /* of the last command in checked form */
    uint8_t open;      /* a host has said sync, and nobody has typed since */
    uint8_t done;      /* what this command changes has been changed */
} exchange;

/* For commands that change something: 1 when this one did so already, and only its answer is wanted. */
static int repeated(void) {
    const int before = exchange.done;
    exchange.done = 1;
    return before;
}

/* Take the command out of a line in checked form, its length without the closing zero given. NULL when it is damaged. */
static const char *unframe(char *line, uint32_t length, uint32_t *sequence) {
    uint32_t crc = 0, bytes;
    if (length < 1 + CRC_DIGITS + 1) return 0;
    char *const end = line + length - CRC_DIGITS - 1;
    for (int i = 1; i <= CRC_DIGITS; ++i) {
        const int digit = hex_digit(end[i]);
        if (digit < 0) return 0;
        crc = crc << 4 | (uint32_t)digit;
    }
    if (*end != ':' || tk_crc32(0, line + 1, (uint32_t)(end - line) - 1) != crc) return 0;
    const char *text = read_digits(line + 1, sequence);
    text = text && *text == ':' ? read_digits(text + 1, &bytes) : 0;
    if (!text || *text != ':' || (uint32_t)(end - text) - 1 != bytes) return 0;
    *end = 0;
    return text + 1;
}

/* The last line of a checked answer. */
static void put_check(uint32_t sequence) {
    const uint32_t bytes = said.bytes, crc = said.crc;
    put("m-crc-[");
    said.crc = crc;
    put_number(sequence);
    put_byte(':');
    put_number(bytes);
    const uint32_t check = said.crc;
    put_byte(':');
    put_word(check);
    put("]\r\n");
}

#endif
