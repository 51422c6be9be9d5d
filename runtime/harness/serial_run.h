/* SPDX-License-Identifier: Apache-2.0 */
/* Running the model, and what it takes: time, and cycles by layer. */
#ifndef TK_SERIAL_RUN_H
#define TK_SERIAL_RUN_H

#include "serial_sample.h"

void tk_compute(int learn);

static struct {
    uint32_t begin_us, end_us; /* of the last timed window */
    uint32_t cycles;           /* of the last counted run */
} measured;

#ifdef MODEL_TRACE
void model_trace(unsigned layer, const void *data, unsigned bytes);

static uint32_t layer_cycles[TK_LAYERS], layer_start;

/* The model calls this behind every layer. */
void model_trace(unsigned layer, const void *data, unsigned bytes) {
    (void)data, (void)bytes;
    layer_cycles[layer] = tk_cycles() - layer_start;
    layer_start = tk_cycles();
}
#endif

/* The only caller of the model: by this function's address an emulator knows that a run has ended. */
TK_NOINLINE void tk_compute(int learn) {
    if (learn) {
        model_run();
    } else {
        TK_PREDICT();
    }
    __asm volatile("" ::: "memory"); /* no jump instead of the call */
}

/* A target with a pin for it, a driver or a project has its own. */
__attribute__((weak)) int tk_mark(int level) {
    (void)level;
    return 0;
}

/* A timed window begins or ends now: tell a meter, return the time. In MLPerf Tiny's energy mode both are falling edges
 * of a pin that is high, and the interface board tells their times; else the pin is high within the window. */
#ifdef MODEL_ENERGY
enum { MARK_REST = 1, MARK_US = 2 };

static uint32_t lap(int begins) {
    (void)begins;
    const int pin = tk_mark(0);
    const uint32_t us = tk_time_us();
    while (pin && tk_time_us() - us < MARK_US) {
    }
    tk_mark(1);
    return us;
}

static void put_lap(uint32_t us) { (void)us; }
#else
enum { MARK_REST = 0 };

static uint32_t lap(int begins) {
    tk_mark(begins);
    return tk_time_us();
}

static void put_lap(uint32_t us) {
    put("m-lap-us-");
    put_number(us);
    put("\r\n");
}
#endif

static void do_timestamp(const char *text) {
    (void)text;
    put_lap(lap(0));
}

static void run_often(uint32_t runs) {
    while (runs--) {
        set_sample();
        tk_compute(0);
    }
}

static void do_infer(const char *text) {
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
    const int again = repeated();
    put("m-warmup-start-");
    put_number(warm_ups);
    put("\r\n");
    if (!again) run_often(warm_ups);
    put("m-warmup-done\r\nm-infer-start-");
    put_number(runs);
    put("\r\n");
    if (!again) {
        measured.begin_us = lap(1);
        run_often(runs);
        measured.end_us = lap(0);
        score();
    }
    put_lap(measured.begin_us); /* only now: sending it takes time */
    put_lap(measured.end_us);
    put("m-infer-done\r\n");
    do_results("");
}

static void do_layers(const char *text) {
    (void)text;
    if (!ready()) {
        error("No sample: send it with db load first");
        return;
    }
    if (!repeated()) {
        set_sample();
        const uint32_t start = tk_cycles();
#ifdef MODEL_TRACE
        for (uint32_t i = 0; i < TK_LAYERS; ++i) layer_cycles[i] = 0;
        layer_start = start;
#endif
        tk_compute(0);
        measured.cycles = tk_cycles() - start;
    }
    if (!tk_cycles()) {
        error("No counter: this core counts no cycles");
        return;
    }
    say_number("m-cycles-[", measured.cycles);
#ifdef MODEL_TRACE
    put("m-layer-cycles-[");
    for (uint32_t i = 0; i < TK_LAYERS; ++i) {
        if (i) put_byte(',');
        put_number(layer_cycles[i]);
    }
    put("]\r\n");
#endif
}

/* An emulator that starts this firmware sets it to 1 in its copy: time and cycles are not a chip's there. */
extern const volatile uint8_t tk_emulated;
const volatile uint8_t tk_emulated = 0;

static void do_stats(const char *text) {
    (void)text;
    say_number("m-stack-[", tk_stack_used());
    say_number("m-arena-[", TK_ARENA_BYTES);
    say_number("m-sample-[", TK_SAMPLE_BYTES);
    say_number("m-scores-[", result_count());
#ifdef MODEL_STATE_BYTES
    say_number("m-states-[", MODEL_STATE_BYTES);
#else
    say_number("m-states-[", 0);
#endif
    say_number("m-fingerprint-[", TK_FINGERPRINT);
    say_number("m-clock-hz-[", TK_CLOCK_HZ);
    say_number("m-cycles-hz-[", tk_cycles() ? TK_CYCLES_HZ : 0);
    say_number("m-mark-pin-[", (uint32_t)tk_mark(MARK_REST));
    say_number("m-emulated-[", tk_emulated);
}

#endif
