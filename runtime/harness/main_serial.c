/* SPDX-License-Identifier: Apache-2.0 */
/* A model behind a serial line: MLPerf Tiny's commands, and those of a model that learns. A command ends with a per cent
 * sign; every one is answered by lines m-..., or e-[...] for an error, and then m-ready. docs/serial.md lists them all.
 * serial_model.h says which model it is. */

#include <stddef.h>

#include "serial.h"
#include "serial_model.h"
#include "serial_text.h"
#include "tk.h"

enum { LINE_BYTES = 272, DECIMALS = 3 };

int main(void);
void tk_compute(int learn);
void tk_stop(const char *name, const void *data, uint32_t bytes, uint32_t reason);

#define SPAN(pointer, bytes) {(void *)(uintptr_t)(pointer), bytes},
#define COUNT(of) (sizeof(of) / sizeof *(of))

static struct {
    uint8_t sample[TK_SAMPLE_BYTES] TK_ALIGN(8); /* kept apart: a run overwrites its inputs */
    uint32_t filled, expected;                   /* bytes of the sample; both 0 before the first */
    int32_t label;                               /* -1: none was given with this sample */
    uint32_t right, asked;                       /* labelled samples since the last report */
} now = {.label = -1};

static int ready(void) { return now.expected == TK_SAMPLE_BYTES && now.filled == TK_SAMPLE_BYTES; }

static void error(const char *text) {
    put("e-[");
    put(text);
    put("]\r\n");
}

static void say_number(const char *what, uint32_t value) {
    put(what);
    put_number(value);
    put("]\r\n");
}

/* The only caller of the model: by this function's address an emulator knows that a run has ended. */
TK_NOINLINE void tk_compute(int learn) {
    if (learn) {
        model_run();
    } else {
        TK_PREDICT();
    }
    __asm volatile("" ::: "memory"); /* no jump instead of the call */
}

static uint32_t result_count(void) { return TK_OUTPUT_BYTES / (uint32_t)sizeof *TK_OUTPUT(); }

static float result(uint32_t i) { return TK_OUTPUT_REAL((float)TK_OUTPUT()[i]); }

static void put_results(void) {
    put("m-results-[");
    for (uint32_t i = 0; i < result_count(); ++i) {
        if (i) tk_serial_put(',');
        put_real(result(i), DECIMALS);
    }
    put("]\r\n");
}

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

static void timestamp(void) {
    put("m-lap-us-");
    put_number(tk_time_us());
    put("\r\n");
}

static void infer(const char *text) {
    uint32_t runs, warm_ups = 0;
    text = read_number(text, &runs);
    if (text && *text) text = read_number(text, &warm_ups);
    if (!text || *text || !runs) {
        error("Say: infer RUNS [WARM_UPS]");
        return;
    }
    if (!ready()) {
        error("No sample: send it with db load first");
        return;
    }
    put("m-warmup-start-");
    put_number(warm_ups);
    put("\r\n");
    while (warm_ups--) {
        set_sample();
        tk_compute(0);
    }
    put("m-warmup-done\r\nm-infer-start-");
    put_number(runs);
    put("\r\n");
    timestamp();
    while (runs--) {
        set_sample();
        tk_compute(0);
    }
    timestamp();
    put("m-infer-done\r\n");
    put_results();
    score();
}

static void load_sample(const char *text) {
    uint32_t bytes;
    const char *const number = after(text, "load");
    if (number) {
        const char *const end = read_number(number, &bytes);
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
        return;
    }
    if (after(text, "print")) {
        put("m-buffer-[");
        put_hex(now.sample, now.filled);
        put("]\r\n");
        return;
    }
    if (!now.expected || now.filled == now.expected) {
        error("Not expected: say db load BYTES first");
        return;
    }
    for (bytes = 0; hex_digit(text[2 * bytes]) >= 0 && hex_digit(text[2 * bytes + 1]) >= 0;) ++bytes;
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
    if (now.filled == now.expected) put("m-load-done\r\n");
}

static void set_label(const char *text) {
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

static void put_outputs(void) {
    const tk_span outputs[] = {MODEL_OUTPUTS(SPAN)};
    put("m-outputs-[");
    for (uint32_t i = 0; i < COUNT(outputs); ++i) put_hex(outputs[i].data, outputs[i].bytes);
    put("]\r\n");
}

#ifdef TK_LEARNS
static void train(const char *text) {
    float rate;
    if (!read_real(text, &rate) || !(rate > 0.0f) || rate > 1e30f) {
        error("Wrong rate: say train RATE, above 0, like 0.01 or 1e-3");
    } else if (!ready()) {
        error("No sample: send it with db load first");
    } else if (now.label < 0) {
        error("No label: say label CLASS after db load");
    } else {
        set_sample();
        for (uint32_t i = 0; i < result_count(); ++i) TK_TARGET()[i] = i == (uint32_t)now.label ? 1.0f : 0.0f;
        TK_RATE()[0] = rate;
        tk_compute(1);
        put("m-loss-[");
        put_real(TK_LOSS()[0], 6);
        put("]\r\n");
        score();
    }
}
#endif

#ifdef MODEL_STATE_BYTES
static const char *why(tk_slots_status status) {
    switch (status) {
    case TK_SLOTS_OK:
        return "ok";
    case TK_SLOTS_EMPTY:
        return "nothing was saved";
    case TK_SLOTS_CORRUPT:
        return "the checksum is wrong";
    case TK_SLOTS_OTHER_MODEL:
        return "another model saved it";
    case TK_SLOTS_OTHER_SIZE:
        return "it has another size";
    case TK_SLOTS_TOO_SMALL:
        return "the flash is too small";
    default:
        return "the flash failed";
    }
}

static void save_states(void) {
    const tk_span states[] = {MODEL_STATES(SPAN)};
    const tk_flash flash = tk_board_flash();
    const tk_slots slots = {&flash, states, COUNT(states), TK_FINGERPRINT};
    uint32_t sequence;
    const tk_slots_status status = tk_slots_save(&slots, &sequence);
    if (status == TK_SLOTS_OK) {
        say_number("m-saved-[", sequence);
    } else {
        put("e-[Not saved: ");
        put(why(status));
        put("]\r\n");
    }
}

/* `fresh` begins the answer when there was nothing to load: at start that is no error. */
static void load_states(const char *fresh) {
    const tk_span states[] = {MODEL_STATES(SPAN)};
    const tk_flash flash = tk_board_flash();
    const tk_slots slots = {&flash, states, COUNT(states), TK_FINGERPRINT};
    tk_slot found[2];
    const tk_slots_status status = tk_slots_load(&slots, found);
    if (status != TK_SLOTS_OK) {
        put(status == TK_SLOTS_EMPTY ? fresh : "e-[Not loaded: ");
        put(why(status));
        put("]\r\n");
        return;
    }
    const int newest = tk_slots_newest(found);
    say_number("m-loaded-[", found[newest].sequence);
    if (found[!newest].status != TK_SLOTS_OK && found[!newest].status != TK_SLOTS_EMPTY) {
        put("m-other-slot-["); /* a save was cut, or what was newest is lost */
        put(why(found[!newest].status));
        put("]\r\n");
    }
}

static void put_states(void) {
    const tk_span states[] = {MODEL_STATES(SPAN)};
    uint32_t crc = 0;
    for (uint32_t i = 0; i < COUNT(states); ++i) crc = tk_crc32(crc, states[i].data, states[i].bytes);
    say_number("m-state-bytes-[", MODEL_STATE_BYTES);
    say_number("m-state-crc-[", crc);
}
#endif

static void obey(const char *line) {
    const char *rest;
    if (!*line) return;
    if (after(line, "name")) {
        put("m-name-dut-[" TK_NAME "]\r\n");
    } else if (after(line, "profile")) {
        put("m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[" TK_NAME "]\r\n");
    } else if (after(line, "timestamp")) {
        timestamp();
    } else if ((rest = after(line, "db"))) {
        load_sample(rest);
    } else if ((rest = after(line, "infer"))) {
        infer(rest);
    } else if (after(line, "results")) {
        put_results();
    } else if (after(line, "outputs")) {
        put_outputs();
    } else if ((rest = after(line, "label"))) {
        set_label(rest);
    } else if (after(line, "accuracy")) {
        put("m-accuracy-[");
        put_number(now.right);
        tk_serial_put('/');
        put_number(now.asked);
        put("]\r\n");
        now.right = now.asked = 0;
    } else if (after(line, "stats")) {
        say_number("m-stack-[", tk_stack_used());
#ifdef TK_LEARNS
    } else if ((rest = after(line, "train"))) {
        train(rest);
#endif
#ifdef MODEL_STATE_BYTES
    } else if (after(line, "save")) {
        save_states();
    } else if (after(line, "load")) {
        load_states("e-[Not loaded: ");
    } else if (after(line, "states")) {
        put_states();
    } else if (after(line, "reset")) {
        model_reset();
        put("m-reset\r\n");
#endif
    } else {
        put("e-[Unknown command: ");
        put(line);
        put("]\r\n");
    }
}

/* Startup code calls this after a fault, with what the core has stacked. */
__attribute__((noreturn)) void tk_stop(const char *name, const void *data, uint32_t bytes, uint32_t reason) {
    (void)name, (void)data, (void)bytes, (void)reason;
    error("The firmware has crashed: reset the board");
    put("m-ready\r\n");
    for (;;) {
    }
}

int main(void) {
    static char line[LINE_BYTES];
    uint32_t length = 0;
    int wrong = 0; /* 1: a byte that no command has, 2: too long */
    tk_serial_open();
    put("m-init-done\r\n");
#ifdef MODEL_STATE_BYTES
    model_reset();
    load_states("m-fresh-[");
#endif
    put("m-ready\r\n");
    for (int c; (c = tk_serial_get()) >= 0;) {
        if (c == '%') {
            line[length] = 0;
            if (wrong) {
                error(wrong == 1 ? "Noise: a command is made of printable ASCII" : "Too long a command");
            } else {
                obey(line);
            }
            put("m-ready\r\n");
            length = 0;
            wrong = 0;
        } else if (c == '\r' || c == '\n') {
        } else if (c < ' ' || c > '~') {
            wrong = 1;
        } else if (length < LINE_BYTES - 1) {
            line[length++] = (char)c;
        } else if (!wrong) {
            wrong = 2;
        }
    }
    return 0;
}
