/* SPDX-License-Identifier: Apache-2.0 */
/* The data cache before ST's flash: it may still hold what was there before an erase, and can be emptied only when it is
 * off. The including file says which register is ACCESS. */
#ifndef TK_FLASH_STM32_DATA_CACHE_H
#define TK_FLASH_STM32_DATA_CACHE_H

static void empty_data_cache(void) {
    enum { ON = 1u << 10, RESET = 1u << 12 };
    const uint32_t access = controller[ACCESS];
    controller[ACCESS] = access & ~(uint32_t)ON;
    controller[ACCESS] = (access & ~(uint32_t)ON) | RESET;
    controller[ACCESS] = access;
}

#endif
