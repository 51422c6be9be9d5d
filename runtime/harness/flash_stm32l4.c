/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of ST's STM32L4+ of 2 MB in two banks of 4 KB pages, as they are delivered (RM0432, chapter 3). */

#include <stdint.h>

enum { ACCESS, KEY = 0x08 / 4, STATUS = 0x10 / 4, CONTROL = 0x14 / 4, ECC = 0x18 / 4, OPTIONS = 0x20 / 4 };
enum {
    BUSY = 1u << 16,
    UNIT_WORDS = 2,
    TWO_BANKS = 1u << 22,
};

static int is_usable(void);
static void forget_cache(void);

#include "flash_stm32.h"
#include "flash_stm32_data_cache.h"

/* With one bank a page would be another one, of 8 KB. */
static int is_usable(void) { return (controller[OPTIONS] & TWO_BANKS) != 0; }

static void forget_cache(void) { empty_data_cache(); }
