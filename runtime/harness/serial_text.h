/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, their checksum, and numbers to text and back, without a library. */
#ifndef TK_SERIAL_TEXT_H
#define TK_SERIAL_TEXT_H

#include "serial.h"
#include "tk_crc32.h"

static struct { uint32_t bytes, crc; /* of the lines of this answer so far */ } said;

static void put_byte(char byte) {
    said.crc = tk_crc32(said.crc, &byte, 1);
    ++said.bytes;
    tk_serial_put(byte);
}

/* Text of any memory. */
static void put_text(const char *text) {
    while (*text) put_byte(*text++);
}

/* Text that stands here, which AVR leaves in flash; `kept` is what functions take it as. */
#ifdef __FLASH
typedef const __flash char *kept;
#define KEPT(literal)                               \
    (__extension__({                                \
        static const __flash char text[] = literal; \
        (kept) text;                                \
    }))
#else
typedef const char *kept;
#define KEPT(literal) literal
#endif

static void put_kept(kept text) {
    while (*text) put_byte(*text++);
}

#define put(literal) put_kept(KEPT(literal))

static void put_number(uint32_t value) {
    char digits[10];
    int count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (count) put_byte(digits[--count]);
}

static void put_hex(const void *data, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; ++i) {
        const uint8_t byte = ((const uint8_t *)data)[i];
        put_byte("0123456789abcdef"[byte >> 4]);
        put_byte("0123456789abcdef"[byte & 15]);
    }
}

/* 32 bits as eight hex digits, the highest first. */
static void put_word(uint32_t value) {
    for (int shift = 28; shift >= 0; shift -= 4) put_byte("0123456789abcdef"[value >> shift & 15u]);
}

/* A whole line: what it says before a number, the number, a bracket. */
static void say_kept(kept what, uint32_t value) {
    put_kept(what);
    put_number(value);
    put("]\r\n");
}

#define say_number(literal, value) say_kept(KEPT(literal), value)

static void error_kept(kept text) {
    put("e-[");
    put_kept(text);
    put("]\r\n");
}

#define error(literal) error_kept(KEPT(literal))

/* With so many decimals, at most 6; rounded in float32: for people. Bytes in hex are exact. */
static void put_real(float value, uint32_t decimals) {
    uint32_t unit = 1, tens = 0;
    for (uint32_t i = 0; i < decimals; ++i) unit *= 10;
    if (value != value) {
        put("nan");
        return;
    }
    if (value < 0.0f) {
        put_byte('-');
        value = -value;
    }
    if (value - value != 0.0f) {
        put("inf");
        return;
    }
    for (; value >= 4e9f; value /= 10.0f) ++tens;
    uint32_t whole = (uint32_t)value;
    uint32_t part = (uint32_t)((value - (float)whole) * (float)unit + 0.5f);
    whole += part / unit;
    part %= unit;
    put_number(whole);
    put_byte('.');
    for (unit /= 10; unit; unit /= 10) put_byte((char)('0' + part / unit % 10));
    if (tens) {
        put_byte('e');
        put_number(tens);
    }
}

/* Skip `word` when the text begins with it and goes on with a space or ends; else NULL. */
static const char *after(const char *text, const char *word) {
    while (*word && *text == *word) ++text, ++word;
    if (*word || (*text && *text != ' ')) return 0;
    while (*text == ' ') ++text;
    return text;
}

/* Read digits, at most 9. Returns what is behind them, or NULL. */
static const char *read_digits(const char *text, uint32_t *value) {
    const char *const start = text;
    *value = 0;
    for (; *text >= '0' && *text <= '9' && text - start < 10; ++text) {
        *value = *value * 10 + (uint32_t)(*text - '0');
    }
    return text != start && text - start <= 9 ? text : 0;
}

/* The same, up to a space or the end, which is skipped. */
static const char *read_number(const char *text, uint32_t *value) {
    text = read_digits(text, value);
    if (!text || (*text && *text != ' ')) return 0;
    while (*text == ' ') ++text;
    return text;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Read 12, 0.05 or 1e-3, up to a space or the end: at most 15 digits, and up to 22 places of shift, so that one division
 * or product of doubles, both exact, rounds to what any host reads. Returns what is behind it, or NULL. */
static const char *read_real(const char *text, float *value) {
    uint64_t digits = 0;
    int32_t count = 0, places = 0, exponent = 0, seen = 0;
    for (int fraction = 0;; ++text) {
        if (*text == '.' && !fraction) {
            fraction = 1;
        } else if (*text >= '0' && *text <= '9') {
            digits = digits * 10 + (uint64_t)(*text - '0');
            count += digits != 0;
            places += fraction;
            seen = 1;
            if (count > 15 || places > 22) return 0;
        } else {
            break;
        }
    }
    if (*text == 'e' || *text == 'E') {
        const int negative = *++text == '-';
        uint32_t power;
        if (*text == '-' || *text == '+') ++text;
        text = read_number(text, &power);
        if (!text || power > 44) return 0;
        exponent = negative ? -(int32_t)power : (int32_t)power;
    } else if (*text && *text != ' ') {
        return 0;
    }
    while (*text == ' ') ++text;
    exponent -= places;
    if (!seen || exponent > 22 || exponent < -22) return 0;
    double scale = 1.0;
    for (int32_t i = exponent < 0 ? -exponent : exponent; i; --i) scale *= 10.0;
    *value = (float)(exponent < 0 ? (double)digits / scale : (double)digits * scale);
    return text;
}

#endif
