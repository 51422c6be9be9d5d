/* SPDX-License-Identifier: Apache-2.0 */
/* Run the model on every sample of input.bin, append its outputs to output.bin, leave the painted stack in
 * stack.bin. Built with -DMODEL_TRACE it also appends (layer, bytes, data) of every layer to trace.bin.
 * Files by Arm semihosting ("Semihosting for AArch32 and AArch64"), which RISC-V emulators and probes speak too. */

#include <stddef.h>
#include <stdint.h>

#include "main_loop.h"

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT = 0x18 };
enum { MODE_RB = 1, MODE_WB = 5 };
enum { STOPPED_RUN_TIME_ERROR = 0x20023, STOPPED_EXIT = 0x20026 };

extern const uint32_t tk_stack_limit[], tk_stack_top[];

int main(void);
void tk_stop(const char *name, const void *data, uint32_t bytes, uint32_t reason);

/* One copy is smallest, and the RISC-V sequence must not cross a page. */
static __attribute__((noinline)) int semihost(int operation, const void *argument) {
#if defined(__riscv)
    register int result __asm("a0") = operation;
    register const void *block __asm("a1") = argument;
    __asm volatile(".option push\n.option norvc\n.balign 16\n"
                   "slli zero, zero, 0x1f\nebreak\nsrai zero, zero, 7\n.option pop"
                   : "+r"(result)
                   : "r"(block)
                   : "memory");
#else
    register int result __asm("r0") = operation;
    register const void *block __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(result) : "r"(block) : "memory");
#endif
    return result;
}

/* SYS_OPEN takes (name, mode, length of name); SYS_READ and SYS_WRITE take (file, data, bytes) and return how
 * many bytes they did not move. */
static __attribute__((noinline)) int call(int operation, uintptr_t first, uintptr_t second, uintptr_t third) {
    const uintptr_t block[3] = {first, second, third};
    return semihost(operation, block);
}

#define OPEN(name, mode) call(SYS_OPEN, (uintptr_t)(name), mode, sizeof(name) - 1)
#define MOVE(operation, file, data, bytes) call(operation, (uintptr_t)(file), (uintptr_t)(data), bytes)

/* Write one file and stop. The emulator closes it. `name` has nine characters. */
__attribute__((noreturn)) void tk_stop(const char *name, const void *data, uint32_t bytes, uint32_t reason) {
    MOVE(SYS_WRITE, call(SYS_OPEN, (uintptr_t)name, MODE_WB, 9), data, bytes);
    for (;;) {
        semihost(SYS_EXIT, (const void *)(uintptr_t)reason);
    }
}

#ifdef MODEL_TRACE
static void write_trace(const void *data, unsigned bytes) {
    static int file;
    if (!file) {
        file = OPEN("trace.bin", MODE_WB);
    }
    MOVE(SYS_WRITE, file, data, bytes);
}
#endif

/* The input ends the loop; output.bin is then as long as it should be, or something went wrong. */
#define READ(data, bytes)                     \
    if (MOVE(SYS_READ, input, data, bytes)) { \
        break;                                \
    }
#define WRITE(data, bytes)                      \
    if (MOVE(SYS_WRITE, output, data, bytes)) { \
        break;                                  \
    }

int main(void) {
    const int input = OPEN("input.bin", MODE_RB);
    const int output = OPEN("output.bin", MODE_WB);
    TK_MAIN_LOOP
    tk_stop("stack.bin", tk_stack_limit, (uint32_t)((uintptr_t)tk_stack_top - (uintptr_t)tk_stack_limit),
            STOPPED_EXIT);
}
