"""A board for the tests of flashing: the emulated one's core and serial line, and every tool that there is."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from toolkit.device import flashers, targets
from toolkit.device.flashers.base import Job
from toolkit.device.ports import Device
from toolkit.device.targets import Target

UF2_FAMILY = 0xADA52840
TOML = f"""
description = "a board that can be flashed by everything"
family = "cortex-m4"
clock_hz = 25_000_000

[memory.flash]
origin = 0x0
bytes = 0x10_0000

[memory.ram]
origin = 0x2000_0000
bytes = 0x4_0000

[serial]
driver = "cmsdk"
address = 0x4000_4000
timer = "cmsdk"

[store]
driver = "memory"
page_bytes = 4096

[image]
formats = ["hex", "elf", "bin", "uf2"]
uf2_family = {UF2_FAMILY:#x}

[usb]
ids = ["1366:1015", "303a:1001"]

[emulators.unicorn]
cpu = "cortex-m4"

[flashers.pyocd]
target = "nrf52840"

[flashers.esptool]
chip = "esp32c3"

[flashers.uf2]
volume = "nRF52840"

[flashers.openocd]
config = ["interface/cmsis-dap.cfg", "target/nrf52.cfg"]

[flashers.st-flash]

[flashers.avrdude]
part = "atmega328p"
programmer = "arduino"
baud = 115200

[flashers.dfu-util]
alt = 0
address = 0x0

[flashers.picotool]

[flashers.emulator]
emulator = "unicorn"
"""


def make(folder: Path, name: str = "any-board", text: str = TOML) -> Target:
    """Write the board into ``folder`` and read it."""
    (folder / name).mkdir(parents=True)
    (folder / name / "target.toml").write_text(text, encoding="utf-8")
    return targets.read(folder / name, targets.folders())


def intel_hex(data: bytes) -> str:
    """Return ``data`` from address 0 on as Intel HEX."""
    lines = []
    for at in range(0, len(data), 16):
        record = bytes([len(data[at : at + 16]), at >> 8, at & 0xFF, 0]) + data[at : at + 16]
        lines.append(f":{record.hex()}{-sum(record) & 0xFF:02x}".upper())
    return "\n".join([*lines, ":00000001FF", ""])


def elf(data: bytes) -> bytes:
    """Return an ELF file for Arm that loads ``data`` at address 0."""
    header = b"\x7fELF\x01\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIIIIIHHHHHH", 2, 40, 1, 0, 52, 0, 0x0500_0000, 52, 32, 1, 40, 0, 0
    )
    return header + struct.pack("<8I", 1, 84, 0, 0, len(data), len(data), 5, 4) + data


def job(target: Target, tool: str, file: Path, device: Device | None, elf: Path | None = None) -> Job:
    """Return the job that ``tool`` writes ``file`` to ``device``."""
    settings: dict[str, Any] = flashers.get(tool).check(target)
    return Job(target, elf or file, file, settings, device)
