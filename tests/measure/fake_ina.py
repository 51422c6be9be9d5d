"""Emulated INA219 and INA226 with smbus2's calls: registers as in their data sheets, a new value when one is due."""

from __future__ import annotations

import time

import numpy as np

from tests.device.known_load import KnownLoad


class FakeBus:
    """An I2C bus with one chip at 0x40 that measures ``load`` over ``shunt`` ohms.

    ``fault``: ``absent`` answers nothing, ``stuck`` never finishes a conversion, ``gone`` answers nothing after ten
    values.
    """

    def __init__(self, chip: str, load: KnownLoad, shunt: float, *, fault: str = "") -> None:
        self.chip, self.load, self.shunt, self.fault = chip, load, shunt, fault
        self.configuration = 0x399F if chip == "ina219" else 0x4127
        self._latest = time.monotonic()
        self._fresh, self._values = False, 0
        self._shunt_v = 0.0

    @property
    def conversion_s(self) -> float:
        """How long a value takes, by the configuration."""
        if self.chip == "ina219":
            code = self.configuration >> 3 & 0xF
            return 2 * 532e-6 * (1 << (code & 7) if code & 8 else 1)
        return 2 * 1.1e-3 * (1, 4, 16, 64, 128, 256, 512, 1024)[self.configuration >> 9 & 7]

    def read_i2c_block_data(self, address: int, register: int, length: int) -> list[int]:
        """Return ``length`` bytes of a register."""
        if address != 0x40 or self.fault == "absent" or (self.fault == "gone" and self._values > 10):
            raise OSError(121, "Remote I/O error")
        self._convert()
        value = (self._ina219 if self.chip == "ina219" else self._ina226)(register)
        return list((value & 0xFFFF).to_bytes(2, "big"))[:length]

    def write_i2c_block_data(self, address: int, register: int, data: list[int]) -> None:
        """Set a register."""
        if address != 0x40 or self.fault == "absent":
            raise OSError(121, "Remote I/O error")
        value = data[0] << 8 | data[1]
        if register == 0:
            self.configuration = (0x399F if self.chip == "ina219" else 0x4127) if value >> 15 else value

    def _convert(self) -> None:
        now = time.monotonic()
        if self.fault != "stuck" and now - self._latest >= self.conversion_s:
            with self.load.lock:
                at = np.linspace(self._latest, now, 50)
                self._shunt_v = float(self.load.current(at).mean()) * self.shunt
            self._latest, self._fresh = now, True
            self._values += 1

    def _ina219(self, register: int) -> int:
        if register == 3:  # reading the power takes the value
            self._fresh = False
        bus = round(self.load.voltage / 4e-3) << 3 | (2 if self._fresh else 0)
        limit = round((40e-3, 80e-3, 160e-3, 320e-3)[self.configuration >> 11 & 3] / 10e-6)
        shunt = max(-limit, min(limit, round(self._shunt_v / 10e-6)))
        return {0: self.configuration, 1: shunt, 2: bus}.get(register, 0)

    def _ina226(self, register: int) -> int:
        if register == 6:
            fresh, self._fresh = self._fresh, False
            return 8 if fresh else 0
        shunt = max(-32768, min(32767, round(self._shunt_v / 2.5e-6)))
        bus = round(self.load.voltage / 1.25e-3)
        return {0: self.configuration, 1: shunt, 2: bus, 0xFE: 0x5449, 0xFF: 0x2260}.get(register, 0)
