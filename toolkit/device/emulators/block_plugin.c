/* SPDX-License-Identifier: Apache-2.0 */
/* A QEMU plugin that counts basic blocks inside the model, by layer: the twin of block_counter.py.
 *
 * The few parts of QEMU's plugin interface that are used here are declared by hand, because distributions do not
 * ship its header; they have been the same from QEMU 6 on. PLUGIN_VERSION is the interface's version.
 *
 * Argument marks=FILE: see marks.h.
 * Argument out=FILE: a line "inferences N", then per block "LAYER ADDRESS INSTRUCTIONS LAST COUNT TWO FOUR":
 * LAST is the address of its last instruction, TWO and FOUR say how often the next block began so many bytes behind
 * that. The reader, who knows how long the instruction is, then knows how often a branch was taken. (QEMU 7.2 says
 * wrong lengths of Thumb instructions at the end of a page.) */

#define _POSIX_C_SOURCE 200809L /* strdup */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "marks.h"

typedef uint64_t qemu_plugin_id_t;
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated_t)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*executed_t)(unsigned, void *);
typedef void (*ended_t)(qemu_plugin_id_t, void *);
enum { NO_REGISTERS = 0 };

extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated_t);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, executed_t, int, void *);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, ended_t, void *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = PLUGIN_VERSION;

struct counts {
    uint64_t count, two, four;
};

struct block {
    struct block *next;
    uint64_t address, last;
    unsigned instructions;
    int layer;               /* the layer that begins here, or -1 */
    struct counts *by_layer; /* 0 is no layer, i + 1 is layer i */
};

static const char *out_path;

static struct block *blocks;
static struct counts nowhere, *previous = &nowhere;
static uint64_t previous_last, inferences;
static int inside, layer;

static void executed(unsigned cpu, void *data) {
    struct block *const block = data;
    (void)cpu;
    if (!inside) {
        if (block->address != body_start) {
            return;
        }
        inside = 1;
        inferences++;
    } else if (block->address == previous_last + 2) {
        previous->two++;
    } else if (block->address == previous_last + 4) {
        previous->four++;
    }
    if (block->address >= caller_start && block->address < caller_end) {
        inside = 0;
        return;
    }
    if (block->layer >= 0) {
        layer = block->layer + 1;
    } else if (block->address >= body_start && block->address < body_end) {
        layer = 0;
    }
    previous = &block->by_layer[layer];
    previous->count++;
    previous_last = block->last;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    struct block *const block = calloc(1, sizeof *block);
    (void)id;
    block->address = qemu_plugin_tb_vaddr(tb);
    block->instructions = (unsigned)qemu_plugin_tb_n_insns(tb);
    block->last = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, block->instructions - 1));
    block->layer = -1;
    for (int i = 0; i < layers; i++) {
        if (layer_address[i] == block->address) {
            block->layer = i;
        }
    }
    block->by_layer = calloc((size_t)layers + 1, sizeof *block->by_layer);
    block->next = blocks;
    blocks = block;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, NO_REGISTERS, block);
}

static void ended(qemu_plugin_id_t id, void *data) {
    FILE *const out = fopen(out_path, "w");
    (void)id;
    (void)data;
    if (!out) {
        return;
    }
    fprintf(out, "inferences %" PRIu64 "\n", inferences);
    for (const struct block *block = blocks; block; block = block->next) {
        for (int i = 0; i <= layers; i++) {
            const struct counts *const counts = &block->by_layer[i];
            if (counts->count) {
                fprintf(out, "%d %" PRIu64 " %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", i - 1,
                        block->address, block->instructions, block->last, counts->count, counts->two,
                        counts->four);
            }
        }
    }
    fclose(out);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4)) {
            out_path = strdup(argv[i] + 4);
        } else if (!strncmp(argv[i], "marks=", 6) && read_marks(argv[i] + 6)) {
            return -1;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
