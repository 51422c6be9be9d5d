"""The cycle counter of a Cortex-M's DWT unit, for a Unicorn core."""

from __future__ import annotations

import time
from typing import Any

_PAGE, _SIZE, _CYCCNT = 0xE000_1000, 0x1000, 0x4  # Armv7-M Architecture Reference Manual, C1.8


def attach(uc: Any, clock_hz: int) -> None:
    """Put the counter into the core's memory, where its private peripherals are mapped already.

    It counts ``clock_hz`` of this machine's clock: an emulated core has no speed of its own.
    """

    def read(_uc: Any, offset: int, _size: int, _data: Any) -> int:
        return int(time.monotonic() * clock_hz) & 0xFFFF_FFFF if offset == _CYCCNT else 0

    uc.mem_unmap(_PAGE, _SIZE)
    uc.mmio_map(_PAGE, _SIZE, read, None, lambda *_: None, None)
