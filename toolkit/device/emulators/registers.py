"""How a serial port looks to its driver: which registers of ``runtime/harness/serial_<driver>.c`` say and hold what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Registers:
    """Offsets of a UART that can always send.

    ``status`` reads as ``idle``, with the bits of ``come`` turned when a byte waits at ``receive``. ``constant`` are
    others that read as a number; what is not named reads as zero. Where ``status`` is ``receive``, reading it takes the
    byte.
    """

    status: int
    receive: int
    transmit: int
    idle: int
    come: int
    constant: Mapping[int, int] = field(default_factory=dict)

    def status_value(self, byte_waits: bool) -> int:
        """Return what the status register reads as."""
        return self.idle ^ self.come if byte_waits else self.idle


BY_DRIVER = {
    "cmsdk": Registers(status=0x04, receive=0x00, transmit=0x00, idle=0, come=1 << 1),
    "esp32c3": Registers(status=0x1C, receive=0x00, transmit=0x00, idle=0, come=1),
    "lpuart": Registers(status=0x14, receive=0x1C, transmit=0x1C, idle=1 << 23, come=1 << 21),
    "nrf": Registers(status=0x108, receive=0x518, transmit=0x51C, idle=0, come=1, constant={0x11C: 1}),
    "pl011": Registers(status=0x18, receive=0x00, transmit=0x00, idle=1 << 4, come=1 << 4),
    "sercom": Registers(status=0x18, receive=0x28, transmit=0x28, idle=1, come=1 << 2),
    "sifive": Registers(status=0x04, receive=0x04, transmit=0x00, idle=1 << 31, come=1 << 31),
    "stm32": Registers(status=0x1C, receive=0x24, transmit=0x28, idle=1 << 7, come=1 << 5),
    "stm32_old": Registers(status=0x00, receive=0x04, transmit=0x04, idle=1 << 7, come=1 << 5),
}
