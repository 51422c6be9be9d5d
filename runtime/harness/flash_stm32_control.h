/* SPDX-License-Identifier: Apache-2.0 */
/* The control register of ST's flash interfaces, which is locked until two keys came. The including file says which
 * registers are KEY, STATUS and CONTROL, which bits of the status are BUSY, ERRORS and CLEARED (which ones clear), and
 * which bit of the control register is LOCK. */
#ifndef TK_FLASH_STM32_CONTROL_H
#define TK_FLASH_STM32_CONTROL_H

#include <stdint.h>

static volatile uint32_t *const controller = (volatile uint32_t *)TK_FLASH_ADDRESS;

static int finish(void) {
    while (controller[STATUS] & BUSY) {
    }
    return (controller[STATUS] & ERRORS) != 0;
}

static void unlock(uint32_t control) {
    finish();
    if (controller[CONTROL] & LOCK) {
        controller[KEY] = 0x45670123u;
        controller[KEY] = 0xCDEF89ABu;
    }
    controller[STATUS] = CLEARED;
    controller[CONTROL] = control;
}

static void lock(void) { controller[CONTROL] = LOCK; }

#endif
