"""TI's INA219 on an I2C bus, by its data sheet (SBOS448G)."""

from __future__ import annotations

from typing import Any, ClassVar

from toolkit.errors import MISSING
from toolkit.measure.meters import ina
from toolkit.measure.meters.base import Facts, Options

_POWER = 0x03
_AFTER_RESET = 0x399F
_SAMPLES = {
    "1": 0b1000,
    "2": 0b1001,
    "4": 0b1010,
    "8": 0b1011,
    "16": 0b1100,
    "32": 0b1101,
    "64": 0b1110,
    "128": 0b1111,
}
_SAMPLE_S = 532e-6
_RANGES = {"320": 0b11, "160": 0b10, "80": 0b01, "40": 0b00}  # mV over the shunt
_OFFSET_V = {"40": 100e-6, "80": 125e-6, "160": 150e-6, "320": 200e-6}  # INA219A, section 6.5


class Ina219(ina.InaMeter):
    """See ``toolkit.measure.meters.base.Meter``."""

    FACTS: ClassVar[Facts] = Facts(
        title="TI INA219 on I2C",
        measures="current by a shunt, 3.2 A with 0.1 Ω, and 0 to 26 V; a value of 12 bits every 8.5 ms, the mean of 8",
        accuracy="0.5 % of current and of voltage, and 200 µV over the shunt (SBOS448G, INA219A at 25 °C, range "
        "320 mV), and the shunt's tolerance",
        needs=ina.NEEDS,
        wiring=ina.WIRING,
        options={
            **ina.OPTIONS,
            "range": "voltage over the shunt in mV: 320 (default), 160, 80 or 40; a smaller one is finer",
            "average": "samples in a value: 8 (default), 1, 2, 4, 16, 32, 64 or 128",
        },
        window_s=5.0,
        marks=False,
    )

    def __init__(self, port: str | None, options: Options, bus: Any = None) -> None:
        super().__init__(port, options, bus)
        self.range = options.choice("range", tuple(_RANGES))
        self.average = options.choice("average", ("8", *(n for n in _SAMPLES if n != "8")))
        self.CHIP = ina.Chip(  # type: ignore[misc]  # by its range
            10e-6, 4e-3, int(self.range) * 1e-3, _OFFSET_V[self.range], 0.005, "SBOS448G, INA219A"
        )

    def set_up(self) -> None:
        """See ``InaMeter.set_up``."""
        self.write(ina.CONFIGURATION, 0x8000)
        if self.read(ina.CONFIGURATION) != _AFTER_RESET:
            raise self.failed(
                f"is something else: its configuration is {self.read(ina.CONFIGURATION):#06x} after a reset",
                "use --meter ina226 for that chip, or another --meter-option address=…",
                MISSING,
            )
        samples = _SAMPLES[self.average]
        self.write(
            ina.CONFIGURATION, 1 << 13 | _RANGES[self.range] << 11 | samples << 7 | samples << 3 | 0b111
        )

    def conversion_s(self) -> float:
        """See ``InaMeter.conversion_s``."""
        return 2 * int(self.average) * _SAMPLE_S

    def ready(self) -> bool:
        """See ``InaMeter.ready``. Reading the power says that the value was taken."""
        if not self.read(ina.BUS) & 0b10:
            return False
        self.read(_POWER)
        return True

    def bus_v(self, register: int) -> float:
        """See ``InaMeter.bus_v``: the voltage stands above three other bits."""
        return (register >> 3) * self.CHIP.bus_step_v


METER = Ina219
