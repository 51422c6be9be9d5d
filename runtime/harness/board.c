/* SPDX-License-Identifier: Apache-2.0 */
/* What main_serial.c asks of a bare board besides its line and its time. */

#include "serial.h"
#include "serial_model.h"
#include "tk_flash_memory.h"

extern uint32_t tk_stack_limit[], tk_stack_top[];

#if defined(TK_WRITABLE_FLASH) && defined(MODEL_STATE_BYTES)
extern uint32_t tk_slots_start[], tk_slots_end[];

/* Memory that stands for flash, which a reset leaves as it is. */
tk_flash tk_board_flash(void) {
    const uint32_t bytes = (uint32_t)((uintptr_t)tk_slots_end - (uintptr_t)tk_slots_start);
    return tk_flash_memory(tk_slots_start, TK_FLASH_PAGE_BYTES, bytes / TK_FLASH_PAGE_BYTES);
}
#else
static int read_as_erased(const tk_flash *flash, uint32_t offset, void *to, uint32_t bytes) {
    (void)flash, (void)offset;
    for (uint32_t i = 0; i < bytes; ++i) ((uint8_t *)to)[i] = 0xFF;
    return 0;
}

/* Nothing programs this board's flash yet: nothing was ever saved, and saving says that the flash is too small. */
tk_flash tk_board_flash(void) {
    tk_flash flash = tk_flash_memory(0, TK_FLASH_PAGE_BYTES, 0);
    flash.read = read_as_erased;
    return flash;
}
#endif

/* Startup code has painted the stack. */
uint32_t tk_stack_used(void) {
    const uint32_t *word = tk_stack_limit;
    while (word < tk_stack_top && *word == 0xC5C5C5C5u) ++word;
    return (uint32_t)((uintptr_t)tk_stack_top - (uintptr_t)word);
}
