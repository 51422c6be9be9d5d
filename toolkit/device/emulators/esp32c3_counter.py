"""The cycle counter of an ESP32-C3, in registers that RISC-V leaves to a chip's maker, for a Unicorn core."""

from __future__ import annotations

import time
from typing import Any

from unicorn import UC_HOOK_CODE, riscv_const

from toolkit.device.elf import Elf

_SYSTEM = 0x73  # the opcode of all that reads and writes control and status registers
_EVENT, _COUNT = 0x7E0, 0x7E2


def attach(uc: Any, elf: Elf, clock_hz: int) -> None:
    """Obey the instructions that touch the counter, instead of the core, which knows no such registers."""
    for segment in elf.segments:
        for offset in range(0, len(segment.data) - 3, 2):
            word = int.from_bytes(segment.data[offset : offset + 4], "little")
            if word & 0x7F == _SYSTEM and word >> 12 & 7 and _EVENT <= word >> 20 <= _COUNT:
                at = segment.address + offset
                uc.hook_add(UC_HOOK_CODE, _obey, (word, clock_hz), at, at)


def _obey(uc: Any, address: int, _size: int, found: tuple[int, int]) -> None:
    word, clock_hz = found
    destination = word >> 7 & 31
    if destination:
        cycles = time.monotonic_ns() * clock_hz // 1_000_000_000 if word >> 20 == _COUNT else 0
        uc.reg_write(riscv_const.UC_RISCV_REG_X0 + destination, cycles & 0xFFFF_FFFF)
    uc.reg_write(riscv_const.UC_RISCV_REG_PC, address + 4)
