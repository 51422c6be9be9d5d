"""The linker script of a bare-metal target, generated from its memory map."""

from __future__ import annotations

from toolkit.device.targets import Target

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

  /DISCARD/ : {{ *(.ARM.exidx*) *(.ARM.extab*) *(.eh_frame*) *(.comment) *(.note*) }}
}}
"""


def script(target: Target) -> str:
    """Return the text of ``link.ld`` for a bare-metal target."""
    flash, ram = target.regions()
    return _SCRIPT.format(
        name=target.name,
        flash_origin=flash.origin,
        flash_bytes=flash.bytes,
        ram_origin=ram.origin,
        ram_bytes=ram.bytes,
        stack_bytes=-(-target.stack_bytes // 8) * 8,
    )
