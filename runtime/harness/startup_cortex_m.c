/* SPDX-License-Identifier: Apache-2.0 */
/* Reset and fault handling for any Cortex-M. The symbols come from link.ld. */

#include <stdint.h>

extern uint32_t tk_data_load[], tk_data_start[], tk_bss_start[], tk_bss_end[];
extern uint32_t tk_stack_limit[], tk_stack_top[];

int main(void);
void tk_reset(void);
void tk_fault(void);
void tk_stop(const char *name, const void *data, uint32_t bytes, uint32_t reason);

#ifdef MODEL_SERIAL
void tk_setup(void);
void tk_tick(void);
enum { VECTORS = 16 };
#else
enum { VECTORS = 4 };
#endif

/* A driver of flash with error correction has its own. */
void tk_nmi(void) __attribute__((weak, alias("tk_fault")));

/* The entries that can ever be taken: every fault escalates to HardFault, and the one interrupt is SysTick's. */
__attribute__((section(".vectors"), used)) const uintptr_t tk_vectors[VECTORS] = {
    (uintptr_t)tk_stack_top,   (uintptr_t)tk_reset, (uintptr_t)tk_nmi, (uintptr_t)tk_fault,
#ifdef MODEL_SERIAL
    [15] = (uintptr_t)tk_tick,
#endif
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

#ifdef MODEL_SERIAL
/* For a board whose timer is another one. */
__attribute__((weak)) void tk_tick(void) {}

/* A Cortex-M7's caches are off at reset and hold anything: empty them line by line and turn them on (Armv7-M ARM, B2.2
 * and B4.8; Cortex-M7 TRM, DDI 0489, section 5.2). Other cores read CLIDR as zero. */
static void caches_on(void) {
    volatile uint32_t *const system = (volatile uint32_t *)0xE000E000u;
    enum {
        CCR = 0xD14 / 4,
        CLIDR = 0xD78 / 4,
        CCSIDR = 0xD80 / 4,
        CSSELR = 0xD84 / 4,
        ICIALLU = 0xF50 / 4,
        DCISW = 0xF60 / 4
    };
    if (!(system[CLIDR] & 7u)) return;
    system[CSSELR] = 0;
    __asm volatile("dsb" ::: "memory");
    const uint32_t shape = system[CCSIDR], sets = (shape >> 13 & 0x7FFFu) + 1,
                   ways = (shape >> 3 & 0x3FFu) + 1;
    const uint32_t set_shift = (shape & 7u) + 4;
    uint32_t way_shift = 32;
    for (uint32_t left = ways - 1; left; left >>= 1) --way_shift;
    for (uint32_t set = 0; set < sets; ++set) {
        for (uint32_t way = 0; way < ways; ++way) {
            system[DCISW] = set << set_shift | (ways > 1 ? way << way_shift : 0);
        }
    }
    system[ICIALLU] = 0;
    __asm volatile("dsb\nisb" ::: "memory");
    system[CCR] |= 1u << 16 | 1u << 17;
    __asm volatile("dsb\nisb" ::: "memory");
}
#endif

__attribute__((noreturn, used)) void tk_start(void) {
#ifdef MODEL_SERIAL
    *(volatile uintptr_t *)0xE000ED08u =
        (uintptr_t)tk_vectors; /* VTOR; a Cortex-M0 has none and lets it pass */
    tk_setup();
    caches_on();
#endif
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
