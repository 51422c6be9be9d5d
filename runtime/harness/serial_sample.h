/* SPDX-License-Identifier: Apache-2.0 */
/* The sample that a host sends, its label, and what the model made of it. */
#ifndef TK_SERIAL_SAMPLE_H
#define TK_SERIAL_SAMPLE_H

#include <stddef.h>

#include "serial_check.h"
#include "serial_model.h"

#define SPAN(pointer, bytes) {(void *)(uintptr_t)(pointer), bytes},
#define COUNT(of) (sizeof(of) / sizeof *(of))

enum { DECIMALS = 3 };

static struct {
    uint8_t sample[TK_SAMPLE_BYTES] TK_ALIGN(8); /* kept apart: a run overwrites its inputs */
    uint32_t filled, expected;                   /* bytes of the sample; both 0 before the first */
    int32_t label;                               /* -1: none was given with this sample */
    uint32_t right, asked;                       /* labelled samples since the last report */
    uint32_t told_right, told_asked;             /* that report */
} now = {.label = -1};

static int ready(void) { return now.expected == TK_SAMPLE_BYTES && now.filled == TK_SAMPLE_BYTES; }

static uint32_t result_count(void) { return TK_OUTPUT_BYTES / (uint32_t)sizeof *TK_OUTPUT(); }

static float result(uint32_t i) { return TK_OUTPUT_REAL((float)TK_OUTPUT()[i]); }

static void set_sample(void) {
    const tk_span inputs[] = {MODEL_INPUTS(SPAN)};
    uint32_t at = 0;
    for (uint32_t i = 0; at < TK_SAMPLE_BYTES; at += inputs[i++].bytes) {
        for (uint32_t k = 0; k < inputs[i].bytes; ++k) ((uint8_t *)inputs[i].data)[k] = now.sample[at + k];
    }
}

static void score(void) {
    if (now.label < 0) return;
    uint32_t best = 0;
    for (uint32_t i = 1; i < result_count(); ++i) {
        if (result(i) > result(best)) best = i;
    }
    now.right += best == (uint32_t)now.label;
    ++now.asked;
}

static void begin_sample(const char *text) {
    uint32_t bytes;
    const char *const end = read_number(text, &bytes);
    now.filled = now.expected = 0;
    now.label = -1;
    if (!end || *end || bytes != TK_SAMPLE_BYTES) {
        say_number("e-[Wrong size: a sample of this model has bytes: ", TK_SAMPLE_BYTES);
        return;
    }
    now.expected = bytes;
    put("m-[Expecting ");
    put_number(bytes);
    put(" bytes]\r\n");
}

static void fill_sample(const char *text) {
    uint32_t bytes = 0;
    if (!now.expected || now.filled == now.expected) {
        error("Not expected: say db load BYTES first");
        return;
    }
    while (hex_digit(text[2 * bytes]) >= 0 && hex_digit(text[2 * bytes + 1]) >= 0) ++bytes;
    if (!bytes || text[2 * bytes]) {
        error("Not hex: nothing of this was taken");
        return;
    }
    if (bytes > now.expected - now.filled) {
        error("Too many bytes: nothing of this was taken");
        return;
    }
    for (uint32_t i = 0; i < bytes; ++i) {
        now.sample[now.filled++] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    }
    exchange.done = 1;
}

static void do_db(const char *text) {
    const char *const size = after(text, "load");
    if (size) {
        begin_sample(size);
    } else if (after(text, "print")) {
        put("m-buffer-[");
        put_hex(now.sample, now.filled);
        put("]\r\n");
    } else {
        if (!exchange.done) fill_sample(text);
        if (exchange.done && ready()) put("m-load-done\r\n");
    }
}

static void do_label(const char *text) {
    uint32_t label;
    text = read_number(text, &label);
    now.label = -1;
    if (!text || *text || label >= result_count()) {
        say_number("e-[Wrong label: the largest is: ", result_count() - 1);
        return;
    }
    now.label = (int32_t)label;
    say_number("m-label-[", label);
}

static void do_accuracy(const char *text) {
    (void)text;
    if (!repeated()) {
        now.told_right = now.right;
        now.told_asked = now.asked;
        now.right = now.asked = 0;
    }
    put("m-accuracy-[");
    put_number(now.told_right);
    put_byte('/');
    put_number(now.told_asked);
    put("]\r\n");
}

#ifdef TK_INPUT_REAL
/* An autoencoder is asked how far its answer is from the sample: the mean squared error, of real numbers. */
static void put_scores(void) {
    const TK_INPUT_TYPE *const sample = (const TK_INPUT_TYPE *)(const void *)now.sample;
    float sum = 0.0f;
    for (uint32_t i = 0; i < result_count(); ++i) {
        const float off = result(i) - TK_INPUT_REAL((float)sample[i]);
        sum += off * off;
    }
    put_real(sum / (float)result_count(), 6);
}
#else
static void put_scores(void) {
    for (uint32_t i = 0; i < result_count(); ++i) {
        if (i) put_byte(',');
        put_real(result(i), DECIMALS);
    }
}
#endif

static void do_results(const char *text) {
    (void)text;
    put("m-results-[");
    put_scores();
    put("]\r\n");
}

static void do_outputs(const char *text) {
    const tk_span outputs[] = {MODEL_OUTPUTS(SPAN)};
    (void)text;
    put("m-outputs-[");
    for (uint32_t i = 0; i < COUNT(outputs); ++i) put_hex(outputs[i].data, outputs[i].bytes);
    put("]\r\n");
}

#endif
