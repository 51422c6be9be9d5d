/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing programs this board's flash: nothing was ever saved, and saving says that the flash is too small. */

#include "serial.h"
#include "serial_model.h"
#include "tk_flash_memory.h"

static int read_as_erased(const tk_flash *flash, uint32_t offset, void *to, uint32_t bytes) {
    (void)flash, (void)offset;
    for (uint32_t i = 0; i < bytes; ++i) ((uint8_t *)to)[i] = 0xFF;
    return 0;
}

tk_flash tk_board_flash(void) {
    tk_flash flash = tk_flash_memory(0, TK_FLASH_PAGE_BYTES, 0);
    flash.read = read_as_erased;
    return flash;
}
