/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of ST's STM32L4+ of 2 MB in two banks of 4 KB pages, as they are delivered (RM0432, chapter 3). */

#include <stdint.h>

enum { ACCESS, KEY = 0x08 / 4, STATUS = 0x10 / 4, CONTROL = 0x14 / 4, ECC = 0x18 / 4, OPTIONS = 0x20 / 4 };
enum {
    BUSY = 1u << 16,
    UNIT_WORDS = 2,
    DATA_CACHE = 1u << 10,
    DATA_CACHE_RESET = 1u << 12,
    TWO_BANKS = 1u << 22
};

static int is_usable(void);
static void forget_cache(void);

#include "flash_stm32.h"

/* With one bank a page would be another one, of 8 KB. */
static int is_usable(void) { return (controller[OPTIONS] & TWO_BANKS) != 0; }

/* It may still hold what was there before an erase, and can be emptied only when it is off. */
static void forget_cache(void) {
    const uint32_t access = controller[ACCESS];
    controller[ACCESS] = access & ~(uint32_t)DATA_CACHE;
    controller[ACCESS] = (access & ~(uint32_t)DATA_CACHE) | DATA_CACHE_RESET;
    controller[ACCESS] = access;
}
