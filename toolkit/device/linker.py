"""The linker script of a bare-metal target, generated from its memory map."""

from __future__ import annotations

from toolkit.device.elf import Elf
from toolkit.device.targets import Region, Target

_SCRIPT = """\
/* Made by toolkit for {name}. The stack lies at the bottom of RAM, so that it overflows into nothing and faults. */
MEMORY
{{
{boot_memory}  FLASH (rx) : ORIGIN = {flash_origin:#010x}, LENGTH = {flash_bytes:#x}
{data_memory}  RAM (rwx) : ORIGIN = {ram_origin:#010x}, LENGTH = {ram_bytes:#x}
}}

ENTRY(tk_reset)

SECTIONS
{{
{boot_section}  .text : {{
    KEEP(*(.vectors))
    *(.text .text.*)
    . = ALIGN({alignment});
  }} > FLASH

  .weights {at_weights}: {weights_load}{{
    *(.rodata.tk_weights .rodata.tk_weights.*){end_of_weights}
  }} {in_flash}

  .rodata {at_rodata}: {rodata_load}{{
    *(.rodata .rodata.* .srodata .srodata.*)
    . = ALIGN(4);
  }} {in_flash}

  .stack (NOLOAD) : {{
    tk_stack_limit = .;
    . = . + {stack_bytes};
    tk_stack_top = .;
  }} > RAM

  .data : {data_load}{{
    tk_data_start = .;
    *(.tk_ram) /* code that runs from RAM */
    *(.data .data.* .sdata .sdata.*)
    . = ALIGN(4);
  }} > RAM {data_in_flash}
  tk_data_load = LOADADDR(.data){offset};

  .bss (NOLOAD) : {{
    tk_bss_start = .;
    *(.bss .bss.* .sbss .sbss.* COMMON)
    . = ALIGN(4);
    tk_bss_end = .;
  }} > RAM

{end}{slots}  /DISCARD/ : {{ *(.ARM.exidx*) *(.ARM.extab*) *(.eh_frame*) *(.comment) *(.note*) }}
}}
"""

# Constants in the memory that code runs from
_ONE_WINDOW = {
    "alignment": 4,
    "at_weights": "",
    "at_rodata": "",
    "weights_load": "",
    "rodata_load": "",
    "data_load": "",
    "end_of_weights": "",
    "in_flash": "> FLASH",
    "data_in_flash": "AT > FLASH",
    "data_memory": "",
    "offset": "",
    "end": "",
}


def _two_windows(origin: int, data_origin: int, flash_bytes: int) -> dict[str, object]:
    """Constants where loads see the flash, which is elsewhere than where code runs: their places by hand."""
    sign, distance = ("+", data_origin - origin) if data_origin >= origin else ("-", origin - data_origin)
    offset = f" {sign} {distance:#x}"
    weights, rodata = "LOADADDR(.text) + SIZEOF(.text)", "LOADADDR(.weights) + SIZEOF(.weights)"
    data = "LOADADDR(.rodata) + SIZEOF(.rodata)"
    return {
        "alignment": 16,
        "at_weights": f"({weights}{offset}) ",
        "at_rodata": f"({rodata}{offset}) ",
        "weights_load": f"AT({weights}) ",
        "rodata_load": f"AT({rodata}) ",
        "data_load": f"AT({data}) ",
        "end_of_weights": "\n    . = ALIGN(16);",
        "in_flash": "> DATA",
        "data_in_flash": "",
        "data_memory": f"  DATA (r) : ORIGIN = {data_origin:#010x}, LENGTH = {flash_bytes:#x}\n",
        "offset": offset,
        "end": _END,
    }


_END = """\
  ASSERT(LOADADDR(.data) + SIZEOF(.data) <= ORIGIN(FLASH) + LENGTH(FLASH), "region FLASH overflowed")

"""

_BOOT_SECTION = """\
  .boot : {{
    KEEP(*(.boot))
    . = ALIGN({bytes:#x});
  }} > BOOT

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
    windows = (
        _ONE_WINDOW
        if target.data_origin is None
        else _two_windows(flash.origin, target.data_origin, flash.bytes)
    )
    boot = target.boot
    return _SCRIPT.format(
        **windows,
        boot_memory=f"  BOOT (rx) : ORIGIN = {boot.region.origin:#010x}, LENGTH = {boot.region.bytes:#x}\n"
        if boot
        else "",
        boot_section=_BOOT_SECTION.format(bytes=boot.region.bytes) if boot else "",
        name=target.name,
        flash_origin=flash.origin,
        flash_bytes=flash.bytes - slots_bytes,
        ram_origin=ram.origin,
        ram_bytes=ram.bytes,
        stack_bytes=-(-target.stack_bytes // 8) * 8,
        slots=_SLOTS.format(start=flash.end - slots_bytes, end=flash.end) if slots_bytes else "",
    )


def slots_region(elf: Elf) -> Region:
    """Return where a firmware keeps what it learnt in its flash; of no bytes when it keeps nothing there."""
    start, end = elf.by_name.get("tk_slots_start"), elf.by_name.get("tk_slots_end")
    return Region(start.address, end.address - start.address) if start and end else Region(0, 0)
