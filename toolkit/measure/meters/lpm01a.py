"""ST's X-NUCLEO-LPM01A (PowerShield) over its USB serial port, by the protocol of UM2243 and UM2269."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from toolkit.errors import DEVICE, MISSING, ToolkitError
from toolkit.measure.energy import clock
from toolkit.measure.energy.trace import Trace
from toolkit.measure.meters.base import MOST_SAMPLES, Accuracy, Facts, Options
from toolkit.measure.meters.serial_meter import SerialMeter

_ANSWER_S = 2.0
_PROMPT = "PowerShield > "
_RATES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
_MOST_TEXT_RATE, _MOST_ENERGY_RATE = 5_000, 10_000
_MOST_A = 0.050  # dynamic mode; overcurrent protection from 59 mA
_FRAME = re.compile(rb"\xf0(?:\xf3(.{4}).|\xf4|\xf5|[\xf1\xf2].{0,512}?)\xff\xff", re.S)
_SAMPLE = re.compile(r"(\d{4})([+-]\d{2})")
_STAMP = re.compile(r"TimeStamp: *(\d+)s *(\d+)ms")
_MOST_GARBLED = 0.01

FACTS = Facts(
    title="ST X-NUCLEO-LPM01A (PowerShield)",
    measures="energy of every millisecond (default) or current, 100 nA to 50 mA at 1.8 to 3.3 V, which it supplies; "
    "1 to 100,000 samples a second of a 3.2 MHz converter with 100 kHz bandwidth",
    accuracy="2 % (UM2243 Rev 2, section 10: dynamic measurement)",
    needs="pyserial, which comes along; on Linux, membership in the group dialout",
    wiring="VOUT of the Arduino or the basic connector to the pin behind the board's current jumper (IDD: JP6 on "
    "Nucleo-64, JP5 on Nucleo-144, jumper taken off), GND to GND",
    options={
        "voltage": "supply it gives, 1.8 to 3.3 V (3.3)",
        "rate": "samples a second, 1 to 100000 in steps of 1, 2, 5 (1000)",
        "output": "energy (default) or current; energy up to 10000 samples a second",
    },
    window_s=1.0,
    marks=False,
)


class Lpm01a(SerialMeter):
    """See ``toolkit.measure.meters.base.Meter``; the port is its serial port."""

    FACTS: ClassVar[Facts] = FACTS
    SHORT, BAUD, START = "LPM01A", 3_686_400, b"start\n"

    def __init__(self, port: str | None, options: Options) -> None:
        super().__init__(port, options)
        self.voltage = options.number("voltage", 3.3, 1.8, 3.3)
        self.rate = int(options.number("rate", 1_000, 1, 100_000))
        self.output = options.choice("output", ("energy", "current"))
        self.text = self.rate <= _MOST_TEXT_RATE
        if self.rate not in _RATES:
            raise ToolkitError(
                f"the LPM01A takes no {self.rate} samples a second",
                fix=f"use one of {', '.join(map(str, _RATES))}",
            )
        if self.output == "energy" and self.rate > _MOST_ENERGY_RATE:
            raise ToolkitError(
                f"the LPM01A sums up energy at most {_MOST_ENERGY_RATE} times a second",
                fix="lower rate, or add --meter-option output=current",
            )

    def set_up(self) -> None:
        """See ``SerialMeter.set_up``."""
        self._ask("htc", first=True)
        for command in (
            f"volt {round(self.voltage * 1000)}m", f"freq {_short(self.rate)}", "acqtime inf", "acqmode dyn",
            "trigsrc sw", "trigdelay 0", f"output {self.output}",
            f"format {'ascii_dec' if self.text else 'bin_hexa'}",
        ):  # fmt: skip
            self._ask(command)
        self._ask("pwr on nostatus")

    def stop(self) -> Trace:
        """See ``Meter.stop``."""
        self.stream.write(b"stop\n")
        deadline = time.monotonic() + _ANSWER_S
        while b"completed" not in self.stream.latest() and time.monotonic() < deadline:
            time.sleep(0.01)
        chunks = self.stream.collected()
        values, arrivals = (self._of_text if self.text else self._of_bytes)(chunks)
        period = 1.0 / self.rate
        if not len(values):
            raise self.failed("has sent no samples", "switch it off and on again, and check its firmware")
        power = values / period if self.output == "energy" else values * self.voltage
        times = clock.fit(self._commanded_s, arrivals, period, "the LPM01A")
        limit = np.nan_to_num(power) >= _MOST_A * self.voltage
        return Trace(times.edges(len(power)), power, None, limit, times.uncertainty_s)

    def let_go(self) -> None:
        """See ``SerialMeter.let_go``."""
        self.stream.write(b"hrc\n")
        self.stream.read_until(lambda data: b"hrc" in data, 0.3)

    def accuracy(self) -> Accuracy:
        """See ``Meter.accuracy``."""
        return Accuracy(0.02, 100e-9 * self.voltage, "UM2243 Rev 2, section 10")

    def longest_s(self) -> float:
        """See ``Meter.longest_s``."""
        return MOST_SAMPLES / self.rate

    def settle_s(self) -> float:
        """See ``Meter.settle_s``."""
        return 0.5

    def _ask(self, command: str, *, first: bool = False) -> None:
        if first:
            self.stream.write(b"\nstop\n")  # whatever it was doing
            self.stream.drain()
        self.stream.write(command.encode() + b"\n")
        asked = re.compile(rf"(ack|error) {re.escape(command)}[^\n]*\n(?:.*detail: *([^\r\n]*)\r?\n)?", re.S)
        said = self.stream.read_until(
            lambda data: (
                (found := asked.search(data.decode("ascii", "replace"))) is not None
                and (found[1] == "ack" or found[2] is not None)
            ),
            _ANSWER_S,
        ).decode("ascii", "replace")
        found = asked.search(said)
        if found is None:
            heard = f"{said[:60]!r}" if said else "nothing"
            raise ToolkitError(
                f"the LPM01A answers {heard} to `{command}`",
                at=str(self.port),
                fix="give the LPM01A's own port with --meter-port, plug it in again, close what else talks to it",
                exit_code=MISSING if first and _PROMPT not in said else DEVICE,
            )
        if found[1] == "error":
            raise self.failed(
                f"refuses `{command}`: {found[2] or 'it says nothing more'}", "update its firmware"
            )

    def _of_text(self, chunks: list[tuple[float, bytes]]) -> tuple[np.ndarray, list[tuple[int, float]]]:
        """Samples ``6409-07``, one a line; every second a time stamp, by which lost samples are missed."""
        values: list[float] = []
        garbled = 0
        arrivals: list[tuple[int, float]] = []
        for arrived, line in _lines(chunks):
            if (sample := _SAMPLE.fullmatch(line)) is not None:
                values.append(float(f"{sample[1]}e{sample[2]}"))
                arrivals.append((len(values), arrived))
            elif (stamp := _STAMP.search(line)) is not None:
                self._fill(values, int(stamp[1]) * 1000 + int(stamp[2]))
            elif line and "PowerShield" not in line and "error" not in line.lower():
                garbled += 1
        self._refuse_garbled(garbled, len(values))
        return np.array(values), arrivals

    def _of_bytes(self, chunks: list[tuple[float, bytes]]) -> tuple[np.ndarray, list[tuple[int, float]]]:
        """Samples of two bytes, 0x52A0 for 0x2A0 / 16^5, and frames of 0xF0 0xF1 to 0xF5 up to 0xFF 0xFF."""
        data = b"".join(chunk for _, chunk in chunks)
        if (head := re.search(rb"ack start[^\n]*\n", data)) is None:
            raise self.failed("does not start", "switch it off and on again")
        at, parts, total = head.end(), [], 0
        positions: list[tuple[int, int]] = [(at, 0)]  # byte behind which so many samples came
        for frame in [*_FRAME.finditer(data, at), None]:
            stop = frame.start() if frame else len(data)
            if stop < at or ((stop - at) % 2 and frame is not None):
                continue  # two samples that look like a frame's begin
            words = np.frombuffer(data[at : at + (stop - at) // 2 * 2], ">u2")
            parts.append((words & 0xFFF) * 16.0 ** -(words >> 12).astype(np.float64))
            total += len(words)
            positions.append((stop, total))
            if frame is None:
                break
            if frame[1] is not None:
                expected = round(int.from_bytes(frame[1], "big") * self.rate / 1000)
                lost = max(expected - total, 0)
                parts.append(np.full(min(lost, 100 * self.rate), np.nan))
                total += len(parts[-1])
            at = frame.end()
            positions.append((at, total))
            if data[frame.start() + 1] == 0xF4:
                break
        ends = np.cumsum([len(chunk) for _, chunk in chunks])
        known = np.array(positions)
        counts = np.interp(ends, known[:, 0], known[:, 1]).astype(int)
        arrivals = [(int(count), chunks[i][0]) for i, count in enumerate(counts) if count]
        return np.concatenate(parts) if parts else np.zeros(0), arrivals

    def _fill(self, values: list[float], stamp_ms: int) -> None:
        """Put in what is missing before a time stamp."""
        lost = round(stamp_ms * self.rate / 1000) - len(values)
        if lost > 100 * self.rate:
            raise self.failed("sends times that cannot be", "switch it off and on again")
        values += [float("nan")] * max(lost, 0)

    def _refuse_garbled(self, garbled: int, good: int) -> None:
        if garbled > _MOST_GARBLED * (good + garbled):
            raise self.failed(
                f"sends {garbled:,} lines that mean nothing beside {good:,} samples",
                "use another cable or USB port, lower --meter-option rate, close what else talks to it",
            )


def _short(rate: int) -> str:
    return f"{rate // 1000}k" if rate >= 1000 else str(rate)


def _lines(chunks: list[tuple[float, bytes]]) -> Iterator[tuple[float, str]]:
    """Yield (time of arrival, text) of every whole line after the answer to start, until the end is told."""
    rest, begun = "", False
    for arrived, data in chunks:
        *whole, rest = (rest + data.decode("ascii", "replace").replace("\0", "")).split("\n")
        for line in whole:
            text = line.strip()
            if "completed" in text:
                return
            begun = begun or "ack start" in text
            if begun:
                yield arrived, text


METER = Lpm01a
