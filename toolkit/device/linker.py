"""The linker script of a bare-metal target, generated from its memory map."""

from __future__ import annotations

from toolkit.device.targets import Target

FLASH_PAGE_BYTES = (
    4096  # what is erased at once, of memory that stands for flash; a page of the emulators' memory too
)

_SCRIPT = """\
/* Made by toolkit for {name}. The stack lies at the bottom of RAM, so that it overflows into nothing and faults. */
MEMORY
{{
  FLASH (rx) : ORIGIN = {flash_origin:#010x}, LENGTH = {flash_bytes:#x}
  RAM (rwx) : ORIGIN = {ram_origin:#010x}, LENGTH = {ram_bytes:#x}
}}

ENTRY(tk_reset)

SECTIONS
{{
  .text : {{
    KEEP(*(.vectors))
    *(.text .text.*)
    . = ALIGN(4);
  }} > FLASH

  .weights : {{
    *(.rodata.tk_weights .rodata.tk_weights.*)
  }} > FLASH

  .rodata : {{
    *(.rodata .rodata.* .srodata .srodata.*)
    . = ALIGN(4);
  }} > FLASH

  .stack (NOLOAD) : {{
    tk_stack_limit = .;
    . = . + {stack_bytes};
    tk_stack_top = .;
  }} > RAM

  .data : {{
    tk_data_start = .;
    *(.data .data.* .sdata .sdata.*)
    . = ALIGN(4);
  }} > RAM AT > FLASH
  tk_data_load = LOADADDR(.data);

  .bss (NOLOAD) : {{
    tk_bss_start = .;
    *(.bss .bss.* .sbss .sbss.* COMMON)
    . = ALIGN(4);
    tk_bss_end = .;
  }} > RAM

{slots}  /DISCARD/ : {{ *(.ARM.exidx*) *(.ARM.extab*) *(.eh_frame*) *(.comment) *(.note*) }}
}}
"""


# Constants of AVR must lie low in flash; avr-libc's start-up code is in .init0 to .init9. What is left of RAM is stack,
# from its end downwards: `stack_bytes` is what must be left.
_AVR_SCRIPT = """\
/* Made by toolkit for {name}. */
MEMORY
{{
  FLASH (rx) : ORIGIN = {flash_origin:#x}, LENGTH = {flash_bytes:#x}
  RAM (rw!x) : ORIGIN = {ram_origin:#x}, LENGTH = {ram_bytes:#x}
}}

SECTIONS
{{
  .vectors : {{
    KEEP(*(.vectors))
  }} > FLASH

  .weights : {{
    *(.progmem.data.tk_weights)
    ASSERT(. <= 0x10000, "constants must lie in the first 64 KB of flash");
  }} > FLASH

  .text : {{
    *(.progmem .progmem.*)
    . = ALIGN(2);
    *(.trampolines .trampolines.* .jumptables .jumptables.*)
    KEEP(*(.init0)) KEEP(*(.init1)) KEEP(*(.init2)) KEEP(*(.init3)) KEEP(*(.init4))
    KEEP(*(.init5)) KEEP(*(.init6)) KEEP(*(.init7)) KEEP(*(.init8)) KEEP(*(.init9))
    *(.text .text.*)
    . = ALIGN(2);
    KEEP(*(.fini9)) KEEP(*(.fini8)) KEEP(*(.fini7)) KEEP(*(.fini6)) KEEP(*(.fini5))
    KEEP(*(.fini4)) KEEP(*(.fini3)) KEEP(*(.fini2)) KEEP(*(.fini1)) KEEP(*(.fini0))
  }} > FLASH

  .data : {{
    __data_start = .;
    *(.data .data.* .rodata .rodata.*)
    . = ALIGN(2);
    __data_end = .;
  }} > RAM AT > FLASH
  __data_load_start = LOADADDR(.data);
  __data_load_end = __data_load_start + SIZEOF(.data);

  .bss (NOLOAD) : {{
    __bss_start = .;
    *(.bss .bss.* COMMON)
    __bss_end = .;
  }} > RAM

  .stack (NOLOAD) : {{
    tk_stack_limit = .;
    . = . + {stack_bytes};
  }} > RAM
  tk_stack_top = {ram_end:#x};

  /DISCARD/ : {{ *(.comment) *(.note*) *(.eeprom) *(.fuse) *(.signature) }}
}}
"""


_SLOTS = """\
  /* What the model learns is kept behind everything that is flashed. */
  tk_slots_start = {start:#010x};
  tk_slots_end = {end:#010x};

"""


def slots_bytes(state_bytes: int) -> int:
    """Return the flash that two slots for ``state_bytes`` take, in whole pages; see ``runtime/train/tk_slots.h``."""
    header = 32
    return 2 * -(-(state_bytes + header) // FLASH_PAGE_BYTES) * FLASH_PAGE_BYTES


def script(target: Target, slots_bytes: int = 0) -> str:
    """Return the text of ``link.ld`` for a bare-metal target; the last ``slots_bytes`` of flash are left for slots."""
    flash, ram = target.regions()
    if target.startup == "avr_libc":
        return _AVR_SCRIPT.format(
            name=target.name,
            flash_origin=flash.origin,
            flash_bytes=flash.bytes,
            ram_origin=ram.origin,
            ram_bytes=ram.bytes,
            ram_end=ram.end,
            stack_bytes=target.stack_bytes,
        )
    return _SCRIPT.format(
        name=target.name,
        flash_origin=flash.origin,
        flash_bytes=flash.bytes - slots_bytes,
        ram_origin=ram.origin,
        ram_bytes=ram.bytes,
        stack_bytes=-(-target.stack_bytes // 8) * 8,
        slots=_SLOTS.format(start=flash.end - slots_bytes, end=flash.end) if slots_bytes else "",
    )
