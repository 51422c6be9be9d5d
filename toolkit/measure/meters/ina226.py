"""TI's INA226 on an I2C bus, by its data sheet (SBOS547A)."""

from __future__ import annotations

from typing import Any, ClassVar

from toolkit.errors import MISSING
from toolkit.measure.meters import ina
from toolkit.measure.meters.base import Facts, Options

_MASK, _MAKER, _DIE = 0x06, 0xFE, 0xFF
_CONVERTED = 1 << 3
_AVERAGES = {"1": 0, "4": 1, "16": 2, "64": 3, "128": 4, "256": 5, "512": 6, "1024": 7}
_CONVERSION_S = 1.1e-3


class Ina226(ina.InaMeter):
    """See ``toolkit.measure.meters.base.Meter``."""

    CHIP: ClassVar[ina.Chip] = ina.Chip(2.5e-6, 1.25e-3, 81.9e-3, 10e-6, 0.001, "SBOS547A")
    FACTS: ClassVar[Facts] = Facts(
        title="TI INA226 on I2C",
        measures="current by a shunt, 0.8 A with 0.1 Ω, and 0 to 36 V; a value of 16 bits every 8.8 ms, the mean of 4",
        accuracy="0.1 % of current and of voltage, and 10 µV over the shunt (SBOS547A), and the shunt's tolerance",
        needs=ina.NEEDS,
        wiring=f"{ina.WIRING}; VBUS to VIN-",
        options={
            **ina.OPTIONS,
            "average": "samples in a value: 4 (default), 1, 16, 64, 128, 256, 512 or 1024",
        },
        window_s=5.0,
        marks=False,
    )

    def __init__(self, port: str | None, options: Options, bus: Any = None) -> None:
        super().__init__(port, options, bus)
        self.average = options.choice("average", ("4", *(n for n in _AVERAGES if n != "4")))

    def set_up(self) -> None:
        """See ``InaMeter.set_up``."""
        maker, die = self.read(_MAKER), self.read(_DIE)
        if (maker, die) != (0x5449, 0x2260):
            raise self.failed(
                f"is something else: maker {maker:#06x}, die {die:#06x}",
                "use --meter ina219 for that chip, or another --meter-option address=…",
                MISSING,
            )
        self.write(ina.CONFIGURATION, 0x8000)
        self.write(ina.CONFIGURATION, 0x4000 | _AVERAGES[self.average] << 9 | 0b100 << 6 | 0b100 << 3 | 0b111)

    def conversion_s(self) -> float:
        """See ``InaMeter.conversion_s``."""
        return 2 * int(self.average) * _CONVERSION_S

    def ready(self) -> bool:
        """See ``InaMeter.ready``. Reading the flag clears it."""
        return bool(self.read(_MASK) & _CONVERTED)


METER = Ina226
