"""The timers of ``runtime/harness/time_*.c`` for a Unicorn core, which has no speed: by this machine's clock."""

from __future__ import annotations

import time
from typing import Any

import unicorn

from toolkit.device.elf import Elf
from toolkit.device.target import Target

_PAGE = 0x1000
_CMSDK, _CMSDK_VALUE, _CMSDK_HZ = 0x4000_0000, 0x4, 25_000_000
_NRF, _NRF_CAPTURED = 0x4000_8000, 0x540
_ESP32C3, _ESP32C3_HZ = 0x6002_3000, 16_000_000
_SYSTICK_VALUE = 0xE000_E018


def attach(uc: Any, elf: Elf, target: Target) -> None:
    """Put the registers of the target's timer into the core's memory. mcycle is Unicorn's own."""
    assert target.serial is not None
    match target.serial.timer:
        case "cmsdk":
            _map(uc, _CMSDK, {_CMSDK_VALUE: lambda: -_count(_CMSDK_HZ)})
        case "nrf":
            _map(uc, _NRF, {_NRF_CAPTURED: lambda: _count(1_000_000)})
        case "esp32c3":
            registers = {0x04: lambda: 1 << 29, 0x40: lambda: _count(_ESP32C3_HZ) >> 32,
                         0x44: lambda: _count(_ESP32C3_HZ)}  # fmt: skip
            _map(uc, _ESP32C3, registers)
        case "systick":
            _attach_systick(uc, elf.by_name["tk_rounds"].address, target.clock_hz or 1_000_000)


def _count(hertz: int) -> int:
    return time.monotonic_ns() * hertz // 1_000_000_000


def _map(uc: Any, address: int, registers: dict[int, Any]) -> None:
    def read(_uc: Any, offset: int, _size: int, _data: Any) -> int:
        return registers[offset]() & 0xFFFF_FFFF if offset in registers else 0

    uc.mmio_map(address, _PAGE, read, None, lambda *_: None, None)


def _attach_systick(uc: Any, rounds_address: int, clock_hz: int) -> None:
    """Set the counter, and what its interrupt has counted, before either is read: Unicorn interrupts nobody."""
    start = _count(clock_hz)

    def before_reading(uc: Any, *_: Any) -> None:
        cycles = _count(clock_hz) - start
        uc.mem_write(_SYSTICK_VALUE, (0xFF_FFFF - cycles % (1 << 24)).to_bytes(4, "little"))
        uc.mem_write(rounds_address, (cycles >> 24 & 0xFFFF_FFFF).to_bytes(4, "little"))

    uc.hook_add(unicorn.UC_HOOK_MEM_READ, before_reading, None, _SYSTICK_VALUE, _SYSTICK_VALUE)
