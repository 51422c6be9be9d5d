/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot ROM of an i.MX RT1060 reads at the start of serial flash (i.MX RT1060 Processor Reference Manual, sections
 * 9.6.3 and 9.7): how to read it, and at 4 KB the image vector table, which points to the program. Flash is read with the
 * Quad I/O command EBh, as the W25Q64 of a Teensy 4.1 has it, at 60 MHz or what the ROM takes for it. */

#include <stddef.h>
#include <stdint.h>

/* One command of FlexSPI's look-up table: two instructions, each an opcode, the pads (0: one, 2: four) and an operand. */
#define PAIR(op0, pads0, value0, op1, pads1, value1)                                                      \
    ((uint32_t)(op1) << 26 | (uint32_t)(pads1) << 24 | (uint32_t)(value1) << 16 | (uint32_t)(op0) << 10 | \
     (uint32_t)(pads0) << 8 | (uint32_t)(value0))
enum { COMMAND = 1, ADDRESS = 2, MODE_8 = 7, READ = 9, WRITE = 8, DUMMY = 12, ONE = 0, FOUR = 2 };
enum { FLASH_START = 0x60000000, FLASH_BYTES = 0x7C0000, CHIP_BYTES = 0x800000 };

struct boot {
    uint32_t tag, version, reserved_8;
    uint8_t sample_clock, hold_time, setup_time, column_width;
    uint8_t reserved_10[0x44 - 0x10];
    uint8_t device_type, pad_type, clock, custom_commands;
    uint8_t reserved_48[8];
    uint32_t chip_bytes[4];
    uint8_t reserved_60[0x80 - 0x60];
    uint32_t commands[16][4];
    uint8_t reserved_180[0x1C0 - 0x180];
    uint32_t page_bytes, sector_bytes;
    uint8_t command_clock, reserved_1c9[7];
    uint32_t block_bytes;
    uint8_t reserved_1d4[0x1000 - 0x1D4];
    uint32_t header;
    void (*program)(void);
    uint32_t reserved_1008, device_data;
    const void *boot_data, *self;
    uint32_t signature, reserved_101c;
    uint32_t start, bytes, plugin;
};
_Static_assert(offsetof(struct boot, commands) == 0x80, "the look-up table");
_Static_assert(offsetof(struct boot, page_bytes) == 0x1C0, "what only NOR flash has");
_Static_assert(offsetof(struct boot, header) == 0x1000, "the image vector table");
_Static_assert(offsetof(struct boot, start) == 0x1020, "the boot data");

/* The ROM goes to the first instruction, without a stack. */
void tk_entry(void);
__attribute__((naked, noreturn)) void tk_entry(void) {
    __asm volatile("ldr r0, =tk_vectors\n"
                   "ldmia r0!, {r1, r2}\n"
                   "msr msp, r1\n"
                   "bx r2\n"
                   ".pool");
}

extern const struct boot tk_boot_header;
__attribute__((section(".boot"), used)) const struct boot tk_boot_header =
    {
        .tag = 0x42464346u, /* FCFB */
        .version = 0x56010000u,
        .sample_clock = 1, /* looped back from the DQS pad */
        .hold_time = 3,
        .setup_time = 3,
        .device_type = 1, /* NOR */
        .pad_type = 4,    /* of four data lines */
        .clock = 3,       /* 60 MHz */
        .chip_bytes = {CHIP_BYTES},
        .commands =
            {
                [0] = {PAIR(COMMAND, ONE, 0xEB, ADDRESS, FOUR, 24), PAIR(MODE_8, FOUR, 0x00, DUMMY, FOUR, 4),
                       PAIR(READ, FOUR, 4, 0, 0, 0)},
                [1] = {PAIR(COMMAND, ONE, 0x05, READ, ONE, 4)},     /* read the status */
                [3] = {PAIR(COMMAND, ONE, 0x06, 0, 0, 0)},          /* write enable */
                [5] = {PAIR(COMMAND, ONE, 0x20, ADDRESS, ONE, 24)}, /* erase a sector */
                [8] = {PAIR(COMMAND, ONE, 0xD8, ADDRESS, ONE, 24)}, /* erase a block */
                [9] = {PAIR(COMMAND, ONE, 0x02, ADDRESS, ONE, 24),
                       PAIR(WRITE, ONE, 4, 0, 0, 0)}, /* program a page */
            },
        .page_bytes = 256,
        .sector_bytes = 4096,
        .command_clock = 1,
        .block_bytes = 0x10000,
        .header = 0x432000D1u,
        .program = tk_entry,
        .boot_data = &tk_boot_header.start,
        .self = &tk_boot_header.header,
        .start = FLASH_START,
        .bytes = FLASH_BYTES,
};
