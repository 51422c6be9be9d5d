/* SPDX-License-Identifier: Apache-2.0 */
/* The serial flash of the ESP32-C3 by functions of its ROM, whose addresses are those of ESP-IDF's esp32c3.rom.ld. While
 * they work, the cache through which the program runs cannot read: what calls them lies in RAM, which the core runs from
 * by other addresses, and the cache is suspended. Flash is read by the ROM as well, so that neither cache nor mapping
 * matters. */

#include "flash_slots.h"

#define IN_RAM __attribute__((section(".tk_ram"), noinline))
#define RAM_TO_CODE 0x00700000u /* internal SRAM 1, Technical Reference Manual, section 3.3.2 */
#define FLASH_ORIGIN 0x42000000u
enum { ERASE, WRITE, READ };

typedef int (*change)(int what, uint32_t at, uint32_t *data, uint32_t bytes);

/* Addresses and no names of functions, or it would depend on where it runs. Returns 0, or the ROM's error. */
IN_RAM static int with_cache_suspended(int what, uint32_t at, uint32_t *data, uint32_t bytes) {
    const uint32_t autoload = ((uint32_t(*)(void))0x40000524u)(); /* Cache_Suspend_ICache */
    int failed;
    if (what == ERASE) {
        failed =
            ((int (*)(uint32_t))0x40000128u)(at / TK_FLASH_PAGE_BYTES); /* esp_rom_spiflash_erase_sector */
    } else if (what == WRITE) {
        failed = ((int (*)(uint32_t, const uint32_t *, uint32_t))0x4000012Cu)(at, data, bytes);
    } else {
        failed = ((int (*)(uint32_t, uint32_t *, uint32_t))0x40000130u)(at, data, bytes);
    }
    ((void (*)(uint32_t))0x40000528u)(autoload); /* Cache_Resume_ICache */
    return failed;
}

static int call(int what, const tk_flash *flash, uint32_t offset, uint32_t *data, uint32_t bytes) {
    const uint32_t at = (uint32_t)(uintptr_t)flash->memory - FLASH_ORIGIN + offset;
    return ((change)((uintptr_t)with_cache_suspended + RAM_TO_CODE))(what, at, data, bytes);
}

static int erase(const tk_flash *flash, uint32_t page) {
    return page >= flash->pages || call(ERASE, flash, page * flash->page_bytes, 0, 0);
}

/* By whole words, from addresses of words. */
static int read(const tk_flash *flash, uint32_t offset, void *to, uint32_t bytes) {
    const uint32_t whole = flash->pages * flash->page_bytes;
    uint32_t part[8], done = 0;
    if (offset > whole || bytes > whole - offset) return 1;
    while (done < bytes) {
        uint32_t skip = (offset + done) % sizeof part;
        if (call(READ, flash, offset + done - skip, part, sizeof part)) return 1;
        while (skip < sizeof part && done < bytes) ((uint8_t *)to)[done++] = ((uint8_t *)part)[skip++];
    }
    return 0;
}

/* The ROM reads the words from RAM. */
static int program(const tk_flash *flash, uint32_t offset, const uint32_t *data, uint32_t words) {
    uint32_t part[8];
    for (uint32_t done = 0; done < words; done += 8) {
        int differs = 0;
        for (uint32_t i = 0; i < 8; ++i) part[i] = data[done + i];
        if (call(WRITE, flash, offset + 4 * done, part, sizeof part)) return 1;
        if (call(READ, flash, offset + 4 * done, part, sizeof part)) return 1;
        for (uint32_t i = 0; i < 8; ++i) differs |= part[i] != data[done + i];
        if (differs) return 1;
    }
    return 0;
}

tk_flash tk_board_flash(void) {
    tk_flash flash = tk_flash_slots(erase, program);
    flash.read = read;
    return flash;
}
