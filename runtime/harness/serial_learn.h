/* SPDX-License-Identifier: Apache-2.0 */
/* Learning, and keeping what was learnt. */
#ifndef TK_SERIAL_LEARN_H
#define TK_SERIAL_LEARN_H

#include "serial_run.h"

#ifdef TK_LEARNS
static void do_train(const char *text) {
    float rate;
    uint32_t steps = 1;
    text = read_real(text, &rate);
    const int timed = text && *text;
    if (timed) text = read_number(text, &steps);
    if (!text || *text || !(rate > 0.0f) || rate > 1e30f) {
        error("Wrong rate: say train RATE [STEPS], above 0, like 0.01 or 1e-3");
    } else if (!steps) {
        error("No steps: say train RATE [STEPS]");
    } else if (!ready()) {
        error("No sample: send it with db load first");
    } else if (now.label < 0) {
        error("No label: say label CLASS after db load");
    } else {
        if (!repeated()) {
            measured.begin_us = lap(1);
            while (steps--) {
                set_sample();
                for (uint32_t i = 0; i < result_count(); ++i) {
                    TK_TARGET()[i] = i == (uint32_t)now.label ? 1.0f : 0.0f;
                }
                TK_RATE()[0] = rate;
                tk_compute(1);
            }
            measured.end_us = lap(0);
            score();
        }
        if (timed) {
            put_lap(measured.begin_us);
            put_lap(measured.end_us);
        }
        put("m-loss-[");
        put_real(TK_LOSS()[0], 6);
        put("]\r\n");
    }
}
#endif

#ifdef MODEL_STATE_BYTES
static uint32_t saved; /* the number of the last save */

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

static void do_save(const char *text) {
    const tk_span states[] = {MODEL_STATES(SPAN)};
    const tk_flash flash = tk_board_flash();
    const tk_slots slots = {&flash, states, COUNT(states), TK_FINGERPRINT};
    (void)text;
    const tk_slots_status status = exchange.done ? TK_SLOTS_OK : tk_slots_save(&slots, &saved);
    if (status == TK_SLOTS_OK) {
        exchange.done = 1;
        say_number("m-saved-[", saved);
    } else {
        put("e-[Not saved: ");
        put_text(why(status));
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
        put_text(status == TK_SLOTS_EMPTY ? fresh : "e-[Not loaded: ");
        put_text(why(status));
        put("]\r\n");
        return;
    }
    const int newest = tk_slots_newest(found);
    say_number("m-loaded-[", found[newest].sequence);
    if (found[!newest].status != TK_SLOTS_OK && found[!newest].status != TK_SLOTS_EMPTY) {
        put("m-other-slot-["); /* a save was cut, or what was newest is lost */
        put_text(why(found[!newest].status));
        put("]\r\n");
    }
}

static void do_load(const char *text) {
    (void)text;
    load_states("e-[Not loaded: ");
}

static void do_states(const char *text) {
    const tk_span states[] = {MODEL_STATES(SPAN)};
    uint32_t crc = 0;
    (void)text;
    for (uint32_t i = 0; i < COUNT(states); ++i) crc = tk_crc32(crc, states[i].data, states[i].bytes);
    say_number("m-state-bytes-[", MODEL_STATE_BYTES);
    say_number("m-state-crc-[", crc);
}

static void do_reset(const char *text) {
    (void)text;
    model_reset();
    put("m-reset\r\n");
}
#endif

#endif
