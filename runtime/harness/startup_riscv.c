/* SPDX-License-Identifier: Apache-2.0 */
/* Reset and fault handling for a 32-bit RISC-V core in machine mode. The symbols come from link.ld. */

#include <stdint.h>

extern uint32_t tk_data_load[], tk_data_start[], tk_bss_start[], tk_bss_end[];
extern uint32_t tk_stack_limit[];

int main(void);
void tk_reset(void);
void tk_fault(void);
void tk_start(void);
void tk_stop(const char *name, const void *data, uint32_t bytes, uint32_t reason);
#ifdef MODEL_SERIAL
void tk_setup(void);
#endif

/* First in flash, where the core begins. */
__attribute__((section(".vectors"), naked, noreturn, used)) void tk_reset(void) {
    __asm volatile("la sp, tk_stack_top\n"
                   "la t0, tk_fault\n"
                   ".option push\n.option arch, +zicsr\n"
                   "csrw mtvec, t0\n"
                   ".option pop\n"
                   "j tk_start");
}

__attribute__((noreturn, used)) void tk_start(void) {
#ifdef MODEL_SERIAL
    tk_setup();
#endif
    uint32_t *to, *from = tk_data_load;
    for (to = tk_data_start; to < tk_bss_start;) {
        *to++ = *from++;
    }
    while (to < tk_bss_end) {
        *to++ = 0; /* .bss follows .data */
    }
    uint32_t *here;
    __asm volatile("mv %0, sp" : "=r"(here));
    while (here > tk_stack_limit) {
        *--here = 0xC5C5C5C5u;
    }
    main();
    for (;;) {
    }
}

/* (mepc, mcause, mtval, sp) go to fault.bin. The fault may be a stack overflow, so start with a fresh stack. */
__attribute__((naked, noreturn, aligned(4), used)) void tk_fault(void) {
    __asm volatile("mv t0, sp\n"
                   "la sp, tk_stack_top - 16\n"
                   ".option push\n.option arch, +zicsr\n"
                   "csrr t1, mepc\n"
                   "csrr t2, mcause\n"
                   "csrr t3, mtval\n"
                   ".option pop\n"
                   "sw t1, 0(sp)\n"
                   "sw t2, 4(sp)\n"
                   "sw t3, 8(sp)\n"
                   "sw t0, 12(sp)\n"
                   "la a0, tk_fault_name\n"
                   "mv a1, sp\n"
                   "li a2, 16\n"
                   "li a3, 0x20023\n" /* run-time error */
                   "j tk_stop");
}

extern const char tk_fault_name[];
const char tk_fault_name[] __attribute__((used)) = "fault.bin";
