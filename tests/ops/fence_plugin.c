/* SPDX-License-Identifier: Apache-2.0 */
/* A QEMU plugin that tells which instructions of the model touch memory that nothing may touch.
 *
 * As block_plugin.c it declares the parts of QEMU's interface that it uses. Arguments: start=ADDRESS, in hexadecimal: of the
 * function from whose first call on is watched. fences=FILE: lines "ADDRESS BYTES", in hexadecimal and by address.
 * out=FILE: a line "PC ADDRESS" for each instruction that touched a fence, and at the end "watched ACCESSES". */

#define _POSIX_C_SOURCE 200809L /* strdup */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated_t)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*executed_t)(unsigned, void *);
typedef void (*accessed_t)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *);
typedef void (*ended_t)(qemu_plugin_id_t, void *);
enum { NO_REGISTERS = 0, READS_AND_WRITES = 3 };

extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
extern unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated_t);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, executed_t, int, void *);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, accessed_t, int, int, void *);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, ended_t, void *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = PLUGIN_VERSION;

enum { MAX_FENCES = 1 << 16 };

static struct { uint64_t start, end; } fences[MAX_FENCES];
static size_t count;
static uint64_t start, accesses, told;
static int watching;
static FILE *out;

static void accessed(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address, void *pc) {
    const uint64_t end = address + ((uint64_t)1 << qemu_plugin_mem_size_shift(info));
    (void)cpu;
    if (!watching) return;
    accesses++;
    size_t low = 0, high = count; /* the first fence that ends behind the address */
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (fences[middle].end > address) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    if (low < count && fences[low].start < end && told < 1000) {
        const uint64_t at = address > fences[low].start ? address : fences[low].start;
        fprintf(out, "%" PRIx64 " %" PRIx64 "\n", (uint64_t)(uintptr_t)pc, at);
        told++;
    }
}

static void started(unsigned cpu, void *none) {
    (void)cpu, (void)none;
    watching = 1;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    if (qemu_plugin_tb_vaddr(tb) == start) {
        qemu_plugin_register_vcpu_tb_exec_cb(tb, started, NO_REGISTERS, NULL);
    }
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); ++i) {
        struct qemu_plugin_insn *const instruction = qemu_plugin_tb_get_insn(tb, i);
        qemu_plugin_register_vcpu_mem_cb(instruction, accessed, NO_REGISTERS, READS_AND_WRITES,
                                         (void *)(uintptr_t)qemu_plugin_insn_vaddr(instruction));
    }
}

static void ended(qemu_plugin_id_t id, void *none) {
    (void)id, (void)none;
    fprintf(out, "watched %" PRIu64 "\n", accesses);
    fclose(out);
}

static int read_fences(const char *path) {
    FILE *const file = fopen(path, "r");
    uint64_t first, bytes;
    if (!file) return -1;
    while (count < MAX_FENCES && fscanf(file, "%" SCNx64 " %" SCNx64, &first, &bytes) == 2) {
        fences[count].start = first;
        fences[count++].end = first + bytes;
    }
    fclose(file);
    return 0;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "start=", 6)) {
            start = strtoull(argv[i] + 6, NULL, 16);
        } else if (!strncmp(argv[i], "out=", 4)) {
            out = fopen(argv[i] + 4, "w");
        } else if (strncmp(argv[i], "fences=", 7) || read_fences(argv[i] + 7)) {
            return -1;
        }
    }
    if (!out) return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
