"""What INA219 and INA226 share: two registers on an I2C bus, the voltage over a shunt and that of the bus."""

from __future__ import annotations

import time
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from toolkit.errors import DEVICE, MISSING, USAGE, ToolkitError
from toolkit.measure.energy.trace import Trace
from toolkit.measure.meters.base import Accuracy, Options
from toolkit.measure.meters.polled import PolledMeter

CONFIGURATION, SHUNT, BUS = 0x00, 0x01, 0x02
_LATE = 5.0  # conversions may take so many times what they should
NEEDS = (
    'smbus2 (pip install "edge-toolkit[meters]"), I2C switched on (raspi-config, Interface Options), membership in the '
    "group i2c"
)
WIRING = (
    "on the Pi: SDA to pin 3, SCL to pin 5, VCC to pin 1, GND to pin 6; VIN+ to the supply, VIN- to the measured "
    "board's supply pin, grounds joined. The Pi that measures should not be the one that is measured"
)
OPTIONS = {
    "shunt": "resistance in ohms (0.1, as on the usual breakouts); a measured value makes it a calibration",
    "tolerance": "of the shunt, as share (1%)",
    "address": "on the bus: 0x40 (default) to 0x4f",
}


@dataclass(frozen=True)
class Chip:
    """What a data sheet says: steps in volts, limits of error, and the document."""

    shunt_step_v: float
    bus_step_v: float
    shunt_limit_v: float
    offset_v: float
    share: float
    document: str


class InaMeter(PolledMeter):
    """A current sensor; the port is the bus, ``/dev/i2c-1`` unless told."""

    CHIP: ClassVar[Chip]

    def __init__(self, port: str | None, options: Options, bus: Any = None) -> None:
        super().__init__(port or "/dev/i2c-1", options)
        self.shunt = options.number("shunt", 0.1, 1e-4, 1e3)
        self.tolerance = options.number("tolerance", 0.01, 0.0, 0.2)
        try:
            self.address = int(options.get("address", "0x40"), 0)
        except ValueError:
            self.address = -1
        if not 0x40 <= self.address <= 0x4F:
            raise ToolkitError(
                f"address={options['address']!r:.20} is none of an INA's",
                fix="use 0x40 to 0x4f",
                exit_code=USAGE,
            )
        self._bus, self._given = bus, bus
        self._volts = 0.0  # of the bus, the latest mean

    def open(self) -> None:
        """See ``Meter.open``."""
        if self._bus is None:
            self._bus = self._open_bus()
        try:
            self.set_up()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """See ``Meter.close``."""
        if self._bus is not None and self._given is None:
            self._bus.close()
        self._bus = self._given

    def accuracy(self) -> Accuracy:
        """See ``Meter.accuracy``; shunt and bus may both be off."""
        offset = self.CHIP.offset_v / self.shunt * self._volts
        return Accuracy(
            2 * self.CHIP.share + self.tolerance, offset, f"{self.CHIP.document}, and the shunt's tolerance"
        )

    @abstractmethod
    def set_up(self) -> None:
        """Check that it is the chip, and set it to measure on and on."""

    @abstractmethod
    def conversion_s(self) -> float:
        """Return how long one value of both voltages takes it."""

    @abstractmethod
    def ready(self) -> bool:
        """Return whether there is a value that was not read yet."""

    def ask(self) -> tuple[float, ...]:
        """Return (volts over the shunt, volts of the bus)."""
        deadline = time.monotonic() + _LATE * self.conversion_s() + 0.1
        while not self.ready():
            if time.monotonic() > deadline:
                raise self.failed("does not finish a conversion", "switch it off and on again")
            time.sleep(self.conversion_s() / 8)
        shunt = self.read(SHUNT)
        return (shunt - (1 << 16) if shunt >> 15 else shunt) * self.CHIP.shunt_step_v, self.bus_v(
            self.read(BUS)
        )

    def bus_v(self, register: int) -> float:
        """Return the bus voltage in a register's content."""
        return register * self.CHIP.bus_step_v

    def trace(self, times_s: list[float], values: list[tuple[float, ...]]) -> Trace:
        """See ``PolledMeter.trace``."""
        read = np.array(values[1:])
        self._volts = float(read[:, 1].mean())
        return Trace(
            np.array(times_s),
            read[:, 0] / self.shunt * read[:, 1],
            None,
            np.abs(read[:, 0]) >= self.CHIP.shunt_limit_v,
            self.conversion_s(),
        )

    def read(self, register: int) -> int:
        """Return a register's 16 bits."""
        try:
            high, low = self._bus.read_i2c_block_data(self.address, register, 2)
        except (OSError, ValueError) as error:
            raise self._silent(error) from error
        return int(high) << 8 | int(low)

    def write(self, register: int, value: int) -> None:
        """Set a register's 16 bits."""
        try:
            self._bus.write_i2c_block_data(self.address, register, [value >> 8, value & 0xFF])
        except OSError as error:
            raise self._silent(error) from error

    def failed(self, what: str, fix: str, exit_code: int = DEVICE) -> ToolkitError:
        """Return the error that this chip does not do what it should."""
        where = f"{self.port}, address {self.address:#04x}"
        return ToolkitError(
            f"the {type(self).__name__.upper()} {what}", at=where, fix=fix, exit_code=exit_code
        )

    def _silent(self, error: Exception) -> ToolkitError:
        return self.failed(
            f"does not answer: {error}",
            "check SDA, SCL, VCC and GND; `i2cdetect -y 1` lists addresses, --meter-option address=0x41 takes another",
            MISSING,
        )

    def _open_bus(self) -> Any:
        try:
            import smbus2
        except ImportError as error:
            raise ToolkitError(
                "smbus2 is not installed", fix='pip install "edge-toolkit[meters]"', exit_code=MISSING
            ) from error
        try:
            return smbus2.SMBus(str(self.port))
        except OSError as error:
            allowed = "add yourself to the group i2c (sudo usermod -aG i2c $USER) and log in again"
            fix = (
                allowed
                if Path(str(self.port)).exists()
                else "switch I2C on: sudo raspi-config, Interface Options, I2C"
            )
            raise ToolkitError(
                f"cannot open {self.port}: {error.strerror or error}", fix=fix, exit_code=MISSING
            ) from error
