/* SPDX-License-Identifier: Apache-2.0 */
/* What the RP2040's boot ROM copies from the first 256 bytes of flash to RAM and runs, once its checksum, the last 4 of
 * them, is right (RP2040 data sheet, sections 2.8.1.3 and 4.10). It makes flash readable in place with the plain 03h
 * command, which every serial flash has, at a quarter of the system clock, and goes on to the vector table behind
 * itself. */

#include <stdint.h>

void tk_boot(void);

__attribute__((section(".boot"), naked, noreturn, used)) void tk_boot(void) {
    __asm volatile("ldr r3, =0x18000000\n" /* SSI */
                   "movs r0, #0\n"
                   "str r0, [r3, #0x08]\n" /* SSIENR: off, to be changed */
                   "movs r1, #4\n"
                   "str r1, [r3, #0x14]\n" /* BAUDR: divide the clock by 4 */
                   "ldr r1, =0x001F0300\n" /* 32 bits of data; EEPROM read: command and address, then data */
                   "str r1, [r3, #0x00]\n" /* CTRLR0 */
                   "str r0, [r3, #0x04]\n" /* CTRLR1: one word of data at a time */
                   "ldr r1, =0x03000218\n" /* command 03h of 8 bits, address of 6 x 4 bits, all on one line */
                   "ldr r2, =0x180000F4\n" /* SPI_CTRLR0 */
                   "str r1, [r2]\n"
                   "movs r1, #1\n"
                   "str r1, [r3, #0x08]\n" /* SSIENR: on */
                   "ldr r0, =0x10000100\n" /* the vector table */
                   "ldr r1, =0xE000ED08\n" /* VTOR */
                   "str r0, [r1]\n"
                   "ldmia r0!, {r1, r2}\n"
                   "msr msp, r1\n"
                   "bx r2\n"
                   ".pool");
}
