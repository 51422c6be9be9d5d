/* SPDX-License-Identifier: Apache-2.0 */
/* Microseconds from mcycle, a RISC-V core's count of its cycles (Privileged Architecture, 3.1.10). */

#include "serial.h"
#include "serial_model.h"

#define READ(name, to) \
    __asm volatile(".option push\n.option arch, +zicsr\ncsrr %0, " name "\n.option pop" : "=r"(to))

void tk_time_open(void) {}

uint32_t tk_time_us(void) {
    uint32_t high, low, again;
    do {
        READ("mcycleh", high);
        READ("mcycle", low);
        READ("mcycleh", again);
    } while (high != again);
    return (uint32_t)(((uint64_t)high << 32 | low) * 1000 / (TK_CLOCK_HZ / 1000));
}
