/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of ST's STM32U5 of 2 MB: two banks of 8 KB pages, without TrustZone, as they are delivered (RM0456, chapter 7). */

#include <stdint.h>

enum { KEY = 0x08 / 4, STATUS = 0x20 / 4, CONTROL = 0x28 / 4, ECC = 0x30 / 4 };
enum { BUSY = 3u << 16, UNIT_WORDS = 4 }; /* busy, or words of a unit are missing */

static int is_usable(void);
static void forget_cache(void);

#include "flash_stm32.h"

static int is_usable(void) { return 1; }

/* The instruction cache, the only one before flash, is off. */
static void forget_cache(void) {}
