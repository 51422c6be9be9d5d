"""An emulated Power Profiler Kit II at a pty: calibration as text, and samples that hold the load's current."""

from __future__ import annotations

import time

import numpy as np

from tests.device.instrument import Instrument
from tests.device.known_load import KnownLoad

_RATE = 100_000
_UP_TO_A = (50e-6, 500e-6, 5e-3, 60e-3)  # where the kit goes to its next range
SHUNTS = (1031.64, 101.65, 10.15, 0.94, 0.043)
OFFSETS = (112.7, 108.3, 96.5, 91.2, 98.1)
SLOPES = (1.0, 112.789, 18.0115, 2.4217, 0.0729)
GAINS = (1.0, 0.9695, 0.9609, 0.9519, 0.9582)
ZERO_SLOPES = (4.8e-8, 5.96e-8, 2.76e-7, -1.2e-6, 1.1e-5)
ZEROS = (-1.04e-7, -1.5e-7, -1.2e-6, 6.1e-6, 2.3e-5)
USER_GAINS = (1.0, 1.0, 1.0, 1.0, 1.0)
TABLES = {
    "R": SHUNTS, "GS": SLOPES, "GI": GAINS, "O": OFFSETS, "S": ZERO_SLOPES, "I": ZEROS, "UG": USER_GAINS,
}  # fmt: skip


class Ppk2Board(Instrument):
    """It measures ``load``; the load's pin, high while it works, is on D0.

    Args:
        load: what is measured.
        pulses: D0 is high at rest instead, and low for 50 µs at begin and end of work.
        faults: names of what goes wrong: ``silent``; ``garbage`` sends random bytes; ``lossy`` leaves out 20 samples of
            every block; ``uncalibrated`` has no shunts; ``mute`` gives no samples.
    """

    def __init__(self, load: KnownLoad, *, pulses: bool = False, faults: tuple[str, ...] = ()) -> None:
        super().__init__(load)
        self.pulses, self.faults = pulses, faults
        self.millivolts, self.mode, self.powered, self.running = 0, 0, False, False
        self._typed = bytearray()
        self._started, self._sent = 0.0, 0
        self._random = np.random.default_rng(1)

    def received(self, data: bytes) -> None:
        """Obey each whole command."""
        self._typed += data
        lengths = {0x0C: 2, 0x0D: 3, 0x11: 2}
        while self._typed and len(self._typed) >= (length := lengths.get(self._typed[0], 1)):
            command, self._typed = bytes(self._typed[:length]), self._typed[length:]
            if "silent" not in self.faults:
                self._obey(command)

    def _obey(self, command: bytes) -> None:
        match command[0]:
            case 0x06:
                self.running, self._started, self._sent = True, 0.0, 0
            case 0x07:
                self.tick(time.monotonic())
                self.running = False
            case 0x0C:
                self.powered = bool(command[1])
            case 0x0D:
                self.millivolts = int.from_bytes(command[1:], "big")
            case 0x11:
                self.mode = command[1]
            case 0x19:
                self.send(self._metadata().encode())

    def _metadata(self) -> str:
        names = [name for name in TABLES if name != "R" or "uncalibrated" not in self.faults]
        values = "".join(f"{name}{i}: {TABLES[name][i]:.9f}\n" for name in names for i in range(5))
        return f"Calibrated: 0\n{values}VDD: {self.millivolts}\nHW: 9173\nmode: {self.mode}\nIA: 56\nEND\n"

    def sample(self, now: float) -> None:
        """Send the samples up to now."""
        if not self.running or "mute" in self.faults:
            return
        if not self._started:
            self._started = now
        count = int((now - self._started) * _RATE) - self._sent
        if count <= 0:
            return
        number = self._sent + np.arange(count)
        self._sent += count
        at = self._started + (number + 0.5) / _RATE
        current = self.load.current(at) if self.powered else np.zeros(count)
        words = encode(current, self.millivolts / 1000, number, self._pin(at)).astype("<u4")
        if "garbage" in self.faults:
            words = self._random.integers(0, 1 << 32, count, np.uint64).astype("<u4")
        elif "lossy" in self.faults and count > 100:
            words = np.delete(words, slice(30, 50))
        self.send(words.tobytes())

    def _pin(self, at: np.ndarray) -> np.ndarray:
        if not self.pulses:
            return self.load.pin(at)
        pin = np.ones(len(at), np.uint8)
        for edge, _ in self.load.edges(at[0] - 50e-6, at[-1] + 1e-5):
            pin[(at >= edge) & (at < edge + 50e-6)] = 0
        return pin


def encode(current: np.ndarray, voltage: float, number: np.ndarray, pin: np.ndarray) -> np.ndarray:
    """Return samples for currents: what the converter reads in the range that the kit would take, as it sends it."""
    ranges = np.searchsorted(_UP_TO_A, current, side="right")
    shunt, offset, slope, gain, zero_slope, zero, user = (
        np.array(table)[ranges] for table in (SHUNTS, OFFSETS, SLOPES, GAINS, ZERO_SLOPES, ZEROS, USER_GAINS)
    )
    wanted = current / user - zero_slope * voltage - zero
    plain = (
        2 * wanted / (gain + np.sqrt(gain**2 + 4 * slope * wanted))
    )  # of slope * plain^2 + gain * plain = wanted
    code = np.clip(np.round((plain * shunt * 163_840 / 1.8 + offset) / 4), 0, 0x3FFF).astype(np.uint64)
    return (
        code
        | ranges.astype(np.uint64) << 14
        | (number.astype(np.uint64) & 0x3F) << 18
        | pin.astype(np.uint64) << 24
    )
