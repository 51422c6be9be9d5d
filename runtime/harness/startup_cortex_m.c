/* SPDX-License-Identifier: Apache-2.0 */
/* Reset and fault handling for any Cortex-M. The symbols come from link.ld. */

#include <stdint.h>

extern uint32_t tk_data_load[], tk_data_start[], tk_bss_start[], tk_bss_end[];
extern uint32_t tk_stack_limit[], tk_stack_top[];

int main(void);
void tk_reset(void);
void tk_fault(void);
void tk_stop(const char *name, const void *data, uint32_t bytes, uint32_t reason);

/* The four entries that can ever be taken: no interrupt is enabled, and every fault escalates to HardFault. */
__attribute__((section(".vectors"), used)) static const uintptr_t vectors[4] = {
    (uintptr_t)tk_stack_top,
    (uintptr_t)tk_reset,
    (uintptr_t)tk_fault,
    (uintptr_t)tk_fault,
};

#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
void tk_start(void);

/* The floating-point and vector unit is off at reset, and compiled code may use it anywhere: turn it on first. */
__attribute__((naked, noreturn)) void tk_reset(void) {
    __asm volatile("ldr r0, =0xE000ED88\n" /* CPACR */
                   "ldr r1, [r0]\n"
                   "orr r1, r1, #0xF00000\n"
                   "str r1, [r0]\n"
                   "dsb\n"
                   "isb\n"
                   "b tk_start\n"
                   ".pool");
}
#else
#define tk_start tk_reset
#endif

__attribute__((noreturn, used)) void tk_start(void) {
    uint32_t *to, *from = tk_data_load;
    for (to = tk_data_start; to < tk_bss_start;) {
        *to++ = *from++;
    }
    while (to < tk_bss_end) {
        *to++ = 0; /* .bss follows .data */
    }
    uint32_t *here;
    __asm volatile("mov %0, sp" : "=r"(here));
    while (here > tk_stack_limit) {
        *--here = 0xC5C5C5C5u;
    }
    main();
    for (;;) {
    }
}

/* The stacked frame (r0-r3, r12, lr, pc, xpsr) goes to fault.bin. After a stack overflow there is none, and no
 * stack to work on: start a fresh one. */
__attribute__((naked, noreturn)) void tk_fault(void) {
    __asm volatile("mov r1, sp\n"
                   "ldr r0, =tk_stack_limit + 64\n"
                   "cmp r1, r0\n"
                   "bhs 1f\n"
                   "ldr r0, =tk_stack_top\n"
                   "mov sp, r0\n"
                   "1:\n"
                   "ldr r0, =tk_fault_name\n"
                   "movs r2, #32\n"
                   "ldr r3, =0x20023\n" /* run-time error */
                   "ldr r4, =tk_stop\n" /* a Cortex-M0's branch reaches 2 KB only */
                   "bx r4\n"
                   ".pool");
}

extern const char tk_fault_name[];
const char tk_fault_name[] __attribute__((used)) = "fault.bin";
