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

__attribute__((noreturn)) void tk_reset(void) {
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
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* CPACR: the floating-point unit is off at reset */
    __asm volatile("dsb\nisb");
#endif
    main();
    for (;;) {
    }
}

/* The stacked frame (r0-r3, r12, lr, pc, xpsr) goes to fault.bin. The fault may be a stack overflow, so start
 * with a fresh stack. */
__attribute__((naked, noreturn)) void tk_fault(void) {
    __asm volatile("mov r1, sp\n"
                   "ldr r0, =tk_stack_top\n"
                   "mov sp, r0\n"
                   "ldr r0, =tk_fault_name\n"
                   "movs r2, #32\n"
                   "ldr r3, =0x20023\n" /* run-time error */
                   "b tk_stop\n"
                   ".pool");
}

extern const char tk_fault_name[];
const char tk_fault_name[] __attribute__((used)) = "fault.bin";
