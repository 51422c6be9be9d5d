/* SPDX-License-Identifier: Apache-2.0 */
/* A model behind a serial line: MLPerf Tiny's commands, and those of a model that learns. A command ends with a per cent
 * sign; every one is answered by lines m-..., or e-[...] for an error, and then m-ready. docs/serial.md lists them all.
 * serial_model.h says which model it is. */

#include "serial.h"
#include "serial_model.h"
#include "tk.h"

#include "cycles.h"
#include "serial_learn.h"

enum { LINE_BYTES = 272 };

int main(void);
void tk_stop(const char *name, const void *data, uint32_t bytes, uint32_t reason);

static void do_name(const char *text) {
    (void)text;
    put("m-name-dut-[" TK_NAME "]\r\n");
}

static void do_profile(const char *text) {
    (void)text;
    put("m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[" TK_NAME "]\r\n");
}

static void do_help(const char *text);

enum { ALONE, WITH_TEXT };

static const struct {
    const char *name;
    void (*obey)(const char *text);
    int takes;
} commands[] = {
    {"name", do_name, ALONE},           {"profile", do_profile, ALONE}, {"help", do_help, ALONE},
    {"timestamp", do_timestamp, ALONE}, {"db", do_db, WITH_TEXT},       {"infer", do_infer, WITH_TEXT},
    {"results", do_results, ALONE},     {"outputs", do_outputs, ALONE}, {"label", do_label, WITH_TEXT},
    {"accuracy", do_accuracy, ALONE},   {"stats", do_stats, ALONE},     {"layers", do_layers, ALONE},
#ifdef TK_LEARNS
    {"train", do_train, WITH_TEXT},
#endif
#ifdef MODEL_STATE_BYTES
    {"save", do_save, ALONE},           {"load", do_load, ALONE},       {"states", do_states, ALONE},
    {"reset", do_reset, ALONE},
#endif
};

static void do_help(const char *text) {
    (void)text;
    put("m-help-[");
    for (uint32_t i = 0; i < COUNT(commands); ++i) {
        if (i) put_byte(' ');
        put_text(commands[i].name);
    }
    put("]\r\n");
}

/* A command that somebody typed ends what a host believes of this board; noise does not. */
static void obey(const char *line, int typed) {
    for (uint32_t i = 0; i < COUNT(commands); ++i) {
        const char *const text = after(line, commands[i].name);
        if (!text) continue;
        if (*text && commands[i].takes == ALONE) {
            error("Nothing stands behind this command");
        } else {
            if (typed) exchange.open = exchange.done = 0;
            commands[i].obey(text);
        }
        return;
    }
    if (*line) {
        put("e-[Unknown command: ");
        put_text(line);
        put("]\r\n");
    }
}

static void obey_checked(char *line, uint32_t length) {
    uint32_t sequence;
    const char *const command = unframe(line, length, &sequence);
    if (!command) {
        error("Damaged: the command does not match its checksum");
        return;
    }
    if (after(command, "sync")) {
        exchange.open = 1;
        exchange.done = 0;
        exchange.sequence = sequence;
        say_number("m-sync-[", CHECK_VERSION);
    } else if (!exchange.open || (sequence != exchange.sequence && sequence != exchange.sequence + 1)) {
        error("Out of sequence: say sync first");
    } else {
        if (sequence != exchange.sequence) exchange.done = 0;
        exchange.sequence = sequence;
        obey(command, 0);
    }
    put_check(sequence);
}

static void answer(char *line, uint32_t length, int wrong) {
    said.bytes = said.crc = 0;
    if (wrong == 1) {
        error("Noise: a command is made of printable ASCII");
    } else if (wrong) {
        error("Too long a command");
    } else if (*line == '#') {
        obey_checked(line, length);
    } else {
        obey(line, 1);
    }
    put("m-ready\r\n");
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
    tk_cycles_open();
    tk_mark(MARK_REST);
    put("m-init-done\r\n");
#ifdef MODEL_STATE_BYTES
    model_reset();
    load_states("m-fresh-[");
#endif
    put("m-ready\r\n");
    for (int c; (c = tk_serial_get()) >= 0;) {
        if (c == '%') {
            line[length] = 0;
            answer(line, length, wrong);
            length = 0;
            wrong = 0;
        } else if (c == '#') { /* begins a checked command, whatever was there before */
            line[0] = '#';
            length = 1;
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
