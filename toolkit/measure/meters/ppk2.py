"""Nordic's Power Profiler Kit II over its USB serial port, written from its protocol as observed on the line.

Commands are bytes. The kit tells its calibration as text. While it measures, it sends 4 bytes for each 10 µs, little
endian: bits 0 to 13 the converter's code divided by 4, 14 to 16 the range, 18 to 23 a counter, 24 to 31 its inputs D0
to D7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.errors import DEVICE, MISSING, ToolkitError
from toolkit.measure.energy import clock, marks
from toolkit.measure.energy.trace import Trace
from toolkit.measure.meters.base import MOST_SAMPLES, Accuracy, Facts, Options
from toolkit.measure.meters.serial_meter import SerialMeter

RATE_HZ = 100_000
RANGES = 5
VOLTS_PER_CODE = 1.8 / 163_840
_START, _STOP, _POWER, _VOLTAGE, _MODE, _METADATA = 0x06, 0x07, 0x0C, 0x0D, 0x11, 0x19
_AMPERE, _SOURCE = 1, 2
_MOST_A = 1.0
_STEPS_A = (
    0.2e-6,
    0.5e-6,
    5e-6,
    50e-6,
    1e-3,
)  # what it resolves, by range; taken for what its zero may be off by
_MOST_BREAKS = 0.02  # of samples; a line that loses more is not worth mending
_ANSWER_S = 2.0

FACTS = Facts(
    title="Nordic Power Profiler Kit II",
    measures="current, 200 nA to 1 A in five ranges, at 0.8 to 5 V, which it supplies, or in series with another "
    "supply; 100,000 samples a second, steps of 0.1 µA to 1 mA by range; eight digital inputs beside every sample",
    accuracy="±10 % typical, ±15 % in the highest range (Nordic's PPK2 user guide), and a step "
    "of the range; measure a known resistor and add "
    "--meter-option accuracy=… to say better",
    needs="pyserial, which comes along; on Linux, membership in the group dialout",
    wiring="source: VOUT and GND to the board's supply pins behind its current jumper (nRF DKs: P22 cut or SB40 open; "
    "Nucleo: IDD jumper taken off), USB of the board unplugged or its data lines only; VCC of the logic port "
    "to the board's I/O voltage, D0 to the board's marking pin, grounds joined",
    options={
        "voltage": "in volts: of the supply it gives, 0.8 to 5 (3.3), or of the other supply with mode=ampere",
        "mode": "source (default): it feeds the board; ampere: it sits in the way of another supply, VIN to VOUT",
        "pin": "none (default) or D0 to D7: the input that the board's marking pin is on",
        "marks": "high (default), low or pulses: what the marking pin does in a window; pulses of 20 µs or more",
        "accuracy": "as share of the reading, when you know it better (10% typical, 15% in the highest range)",
    },
    window_s=1.0,
    marks=True,
)


@dataclass(frozen=True)
class Calibration:
    """What the kit tells of itself, for each of its ranges (5): shunts in ohms, and what corrects their readings."""

    shunt: np.ndarray
    offset: np.ndarray
    gain_slope: np.ndarray
    gain: np.ndarray
    zero_slope: np.ndarray
    zero: np.ndarray
    user_gain: np.ndarray

    def current(self, code: np.ndarray, ranges: np.ndarray, voltage: float) -> np.ndarray:
        """Return amperes for the converter's codes (as sent, a fourth of the code) and their ranges."""
        plain = (4.0 * code - self.offset[ranges]) * (VOLTS_PER_CODE / self.shunt[ranges])
        corrected = plain * (self.gain_slope[ranges] * plain + self.gain[ranges])
        zero = self.zero_slope[ranges] * voltage + self.zero[ranges]
        current: np.ndarray = self.user_gain[ranges] * (corrected + zero)
        return current


def read_calibration(text: str, port: str) -> Calibration:
    """Return the calibration in the kit's text: lines like ``R0: 1031.64``, up to ``END``.

    What is missing, is no number, or cannot be, is NaN: a kit may lack a range that nobody uses.

    Raises:
        ToolkitError: of some value there is none of any range.
    """
    found = dict(re.findall(r"^([A-Z]{1,2}\d): *(-?[0-9.eE+-]{1,24}) *\r?$", text, flags=re.M))

    def value(key: str, low: float, high: float) -> float:
        try:
            read = float(found[key])
        except (KeyError, ValueError):
            return float("nan")
        return read if low <= read <= high else float("nan")

    def values(name: str, low: float, high: float) -> np.ndarray:
        read = np.array([value(f"{name}{index}", low, high) for index in range(RANGES)])
        if np.isnan(read).all():
            raise ToolkitError(
                f"the PPK2's calibration has no sensible {name}0 to {name}{RANGES - 1}",
                at=port,
                fix="plug it in again; if that does not help, update its firmware with nRF Connect",
                exit_code=DEVICE,
            )
        return read

    return Calibration(
        shunt=values("R", 1e-3, 1e5),
        offset=values("O", -1e5, 1e5),
        gain_slope=values("GS", -1e6, 1e6),
        gain=values("GI", 0.1, 10.0),
        zero_slope=values("S", -1.0, 1.0),
        zero=values("I", -1.0, 1.0),
        user_gain=values("UG", 0.1, 10.0),
    )


class Ppk2(SerialMeter):
    """See ``toolkit.measure.meters.base.Meter``; the port is its serial port."""

    FACTS: ClassVar[Facts] = FACTS
    SHORT, BAUD, START, FOUND = "PPK2", 115_200, bytes([_START]), " (the kit's USB id is 1915:C00A)"

    def __init__(self, port: str | None, options: Options) -> None:
        super().__init__(port, options)
        self.source = options.choice("mode", ("source", "ampere")) == "source"
        self.voltage = options.number("voltage", 3.3 if self.source else None, 0.8, 5.0)
        pin = options.choice("pin", ("none", *(f"D{bit}" for bit in range(8))))
        self.pin = None if pin == "none" else int(pin[1])
        self.marks = options.choice("marks", marks.STYLES)
        self._share = options.number("accuracy", -1.0, 0.0, 0.5)
        self._calibration: Calibration | None = None
        self._highest = 0  # range that was used

    def set_up(self) -> None:
        """See ``SerialMeter.set_up``."""
        self.stream.write(bytes([_STOP]))
        self.stream.drain()
        self.stream.write(bytes([_METADATA]))
        text = self.stream.read_until(lambda data: b"END" in data, _ANSWER_S)
        if b"END" not in text:
            raise ToolkitError(
                f"no PPK2 answers: {f'only {text[:40]!r}' if text else 'nothing'} came",
                at=str(self.port),
                fix="give the kit's own port with --meter-port, plug it in again, close nRF Connect",
                exit_code=MISSING,
            )
        self._calibration = read_calibration(text.decode("ascii", "replace"), str(self.port))
        millivolts = round(self.voltage * 1000)
        self.stream.write(bytes([_MODE, _SOURCE if self.source else _AMPERE]))
        self.stream.write(bytes([_VOLTAGE, *millivolts.to_bytes(2, "big")]))
        self.stream.write(bytes([_POWER, 1]))

    def stop(self) -> Trace:
        """See ``Meter.stop``."""
        self.stream.write(bytes([_STOP]))
        self.stream.settle()
        chunks = self.stream.collected()
        self.stream.drain(0.02)
        return self._trace(chunks)

    def let_go(self) -> None:
        """See ``SerialMeter.let_go``."""
        self.stream.write(bytes([_STOP]))

    def accuracy(self) -> Accuracy:
        """See ``Meter.accuracy``."""
        offset = _STEPS_A[self._highest] * self.voltage
        if self._share >= 0:
            return Accuracy(self._share, offset, "--meter-option accuracy")
        share = 0.15 if self._highest == RANGES - 1 else 0.10
        return Accuracy(share, offset, "Nordic's PPK2 user guide, typical")

    def longest_s(self) -> float:
        """See ``Meter.longest_s``."""
        return MOST_SAMPLES / RATE_HZ

    def settle_s(self) -> float:
        """See ``Meter.settle_s``."""
        return 0.5 if self.source else 0.0

    def _trace(self, chunks: list[tuple[float, bytes]]) -> Trace:
        assert self._calibration is not None
        data = b"".join(chunk for _, chunk in chunks)
        if len(data) < 8:
            raise self.failed("has sent no samples", "plug it in again, close nRF Connect")
        words = np.frombuffer(data[: len(data) // 4 * 4], "<u4")
        counter = (words >> 18 & 0x3F).astype(np.int64)
        missing = (np.diff(counter) - 1) & 0x3F
        if np.count_nonzero(missing) > _MOST_BREAKS * len(words) + 1:
            raise self.failed(
                f"sends a stream with {np.count_nonzero(missing):,} breaks in {len(words):,} samples",
                "use a USB port without a hub, another cable, and close what else reads the kit",
            )
        ranges = np.minimum(words >> 14 & 0x7, RANGES - 1).astype(np.intp)
        self._highest = int(ranges.max())
        code = (words & 0x3FFF).astype(np.float64)
        current = self._calibration.current(code, ranges, self.voltage)
        if np.isnan(current).any():
            raise self.failed(
                f"has no calibration for its range {int(ranges[np.isnan(current)][0])}, which was used",
                "update its firmware with nRF Connect, or ask Nordic for its calibration",
            )
        saturated = (current >= _MOST_A) | (code == 0x3FFF)
        last = np.concatenate([[0], np.cumsum(1 + missing)])  # each sample's number, lost ones counted
        counts = np.cumsum([len(chunk) for _, chunk in chunks]) // 4
        arrivals = [
            (int(last[min(count, len(words)) - 1]) + 1, time)
            for count, (time, _) in zip(counts, chunks, strict=True)
            if count
        ]
        times = clock.fit(self._commanded_s, arrivals, 1.0 / RATE_HZ, "the PPK2")
        gaps = np.flatnonzero(missing)
        edges = np.append(
            times.edges(0) + last * times.period_s, times.start_s + (last[-1] + 1) * times.period_s
        )
        level = None
        if self.pin is not None:
            level = marks.inside((words >> (24 + self.pin) & 1).astype(np.uint8), self.marks)
        power = np.insert(current * self.voltage, gaps + 1, np.nan)
        return Trace(
            np.insert(edges, gaps + 1, edges[gaps] + times.period_s),
            power,
            None if level is None else np.insert(level, gaps + 1, level[gaps]),
            np.insert(saturated, gaps + 1, False),
            times.uncertainty_s,
        )


METER = Ppk2
