/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that stands for flash, which a reset leaves as it is. */

#include "flash_slots.h"

tk_flash tk_board_flash(void) { return tk_flash_slots(tk_flash_memory_erase, tk_flash_memory_program); }
