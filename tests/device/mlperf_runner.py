"""What MLPerf Tiny's runner does with a board, written from its public description; strict where it is lenient.

It opens the port to learn name and model, closes it, and opens it again for the script. Samples go in chunks of 31
bytes, of 26 through an interface board. Every reply must end in ``m-ready``, once. In performance mode each of five
windows must last between 10 and 30 s, which ``window_s`` scales for tests.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import serial

WINDOW_S = (10.0, 30.0)
LOOPS = 5
BAUD, ENERGY_BAUD = 115_200, 9_600
_CHUNK_BYTES, _CHUNK_BEHIND_INTERFACE = 31, 26
_SILENCE_S = 60.0


class Port:
    """A serial port with lines; ``prefix`` stands before those of a board behind an interface board."""

    def __init__(self, path: str, baud: int) -> None:
        self.path, self.baud = path, baud

    def __enter__(self) -> Self:
        self._line = serial.Serial(self.path, self.baud, timeout=0.1)
        self._data = b""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        rest = self._data + self._line.read(1000)
        self._line.close()
        assert rest == b"", f"said after m-ready: {rest!r}"

    def write(self, text: str) -> None:
        """Send a command."""
        self._line.write(text.encode())

    def line(self) -> str:
        """Return the next line."""
        deadline = time.monotonic() + _SILENCE_S
        while b"\n" not in self._data:
            assert time.monotonic() < deadline, f"no line, only {self._data!r}"
            self._data += self._line.read(max(1, self._line.in_waiting))
        line, _, self._data = self._data.partition(b"\n")
        return line.decode("ascii").strip("\r\n\0")

    def reply(self) -> list[str]:
        """Return lines up to the one that says ``m-ready``, which is the last that has come."""
        lines = [self.line()]
        while "m-ready" not in lines[-1]:
            lines.append(self.line())
        assert lines[-1].removeprefix("[dut]: ") == "m-ready"
        return lines


class Dut:
    """The board under test, at a port, or behind an interface board at that port."""

    def __init__(self, port: Port, interface: bool = False) -> None:
        self.port, self.interface = port, interface
        self.chunk = _CHUNK_BEHIND_INTERFACE if interface else _CHUNK_BYTES

    def command(self, text: str) -> list[str]:
        """Send a command and return its reply, without ``m-ready``."""
        if self.interface:
            self.port.write(f"dut {text}%")
            passed = self.port.reply()
            assert len(passed) == 2, passed
            lines = [line.replace("[dut]: ", "") for line in self.port.reply()]
        else:
            self.port.write(f"{text}%")
            lines = self.port.reply()
        return lines[:-1]

    def identify(self) -> tuple[str, str]:
        """Return what the board is called and which model it runs."""
        found: dict[str, str] = {}
        for command in ("name", "profile"):
            for line in self.command(command):
                if matched := re.fullmatch(r"m-(name-dut|model|profile)-\[([^]]+)]", line):
                    found[matched[1]] = matched[2]
        assert "profile" in found
        return found["name-dut"], found["model"]

    def load(self, data: bytes) -> None:
        """Send a sample."""
        self.command(f"db load {len(data)}")
        for at in range(0, len(data), self.chunk):
            self.command(f"db {data[at : at + self.chunk].hex()}")

    def infer(self, runs: int, warm_ups: int) -> tuple[list[float], list[int]]:
        """Return the scores, and the times that the reply has."""
        results: list[float] = []
        times = []
        for line in self.command(f"infer {runs} {warm_ups}"):
            if matched := re.fullmatch(r"m-results-\[([^]]+)\]", line):
                results = [float(word) for word in matched[1].split(",")]
            if matched := re.fullmatch(r"m-lap-us-([0-9]+)", line):
                times.append(int(matched[1]))
        assert results
        return results, times


@dataclass(frozen=True)
class Scores:
    """Accuracy and area under the ROC curve, as the runner summarizes them."""

    accuracy: float
    auc: float


def identify(dut: Dut) -> tuple[str, str]:
    """Open the port, ask who is there, close it."""
    with dut.port:
        return dut.identify()


def performance(
    dut: Dut, samples: Sequence[bytes], runs: int, window_s: tuple[float, float] = WINDOW_S
) -> float:
    """Return the median inferences per second of five windows, each on another sample."""
    throughputs = []
    with dut.port:
        for loop in range(LOOPS):
            dut.load(samples[loop % len(samples)])
            _, (start, end) = dut.infer(runs, 1)
            seconds = (end - start) / 1e6
            assert window_s[0] <= seconds <= window_s[1], f"window {loop} lasted {seconds} s"
            throughputs.append(runs / seconds)
    return statistics.median(throughputs)


def accuracy(dut: Dut, samples: Sequence[bytes], labels: Sequence[int]) -> Scores:
    """Answer every sample once and compare with the labels."""
    answers = []
    with dut.port:
        for sample in samples:
            dut.load(sample)
            answers.append(dut.infer(1, 0)[0])
    return summarize(np.array(answers), np.array(labels))


def energy(
    dut: Dut,
    power: PowerShield,
    samples: Sequence[bytes],
    runs: int,
    window_s: tuple[float, float] = WINDOW_S,
) -> list[float]:
    """Return the microjoules per inference of each window: what the monitor integrates between two edges of D7."""
    found = []
    with dut.port, power:
        for loop in range(LOOPS):
            dut.load(samples[loop % len(samples)])
            power.start()
            dut.infer(runs, 1)
            joules, seconds = power.stop()
            assert window_s[0] <= seconds <= window_s[1], f"window {loop} lasted {seconds} s"
            found.append(1e6 * joules / runs)
    return found


class PowerShield:
    """The LPM01A, set up as the runner does it: energy once per millisecond, and events at falling edges of D7."""

    SETUP = (
        "htc", 'lcd 1 "MLPerf Tiny"', "pwr off", "acqtime inf", "trigdelay 0", "trigsrc sw", "eventsrc d7 fal",
        "output energy", "format ascii_dec", "freq 1k", "volt 3300m", "pwr on nostatus",
    )  # fmt: skip

    def __init__(self, path: str) -> None:
        self.port = Port(path, 3_686_400)

    def __enter__(self) -> Self:
        self.port.__enter__()
        for command in self.SETUP:
            self._ask(command)
        return self

    def __exit__(self, *error: Any) -> None:
        for command in ("pwr off", "hrc"):
            self._ask(command)
        self.port.__exit__(*error)

    def start(self) -> None:
        """Begin to acquire."""
        self._ask("start")

    def stop(self) -> tuple[float, float]:
        """Return joules and seconds between the first two events."""
        time.sleep(0.2)
        self.port.write("stop\n")
        samples: list[float] = []
        events = []
        while "Acquisition completed" not in (line := self.port.line()):
            if re.match(r"event \d+ ris", line):
                events.append(len(samples))
            elif matched := re.fullmatch(r"(\d{4})([+-]\d{2})", line):
                samples.append(float(f"{matched[1]}e{matched[2]}"))
        assert len(events) == 2, events
        start, end = events
        return sum(samples[start:end]), (end - start) / 1e3

    def _ask(self, command: str) -> None:
        self.port.write(command + "\n")
        while command not in (line := self.port.line()):
            pass
        assert "ack" in line, line


def summarize(answers: np.ndarray, labels: np.ndarray) -> Scores:
    """Return accuracy, and the mean AUC over classes, thresholds 0.01 apart, of scores normalized by class.

    With one score only, a sample's class 1 is the higher half.
    """
    if answers.shape[1] == 1:
        spread = np.ptp(answers, axis=0) + 1e-10
        normal = (answers - answers.min(axis=0)) / spread
        answers = np.concatenate([1 - normal, normal], axis=1)
    right = float((answers.argmax(axis=1) == labels).mean())
    normal = (answers - answers.min(axis=0)) / (np.ptp(answers, axis=0) + 1e-10)
    thresholds = np.arange(0.0, 1.01, 0.01)
    areas = []
    for class_ in np.unique(labels):
        positive = labels == class_
        above = normal[:, class_, None] > thresholds
        above[:, 0] = True
        true = above[positive].mean(axis=0)
        false = above[~positive].mean(axis=0)
        areas.append(float(np.sum(0.5 * (true[:-1] + true[1:]) * (false[:-1] - false[1:]))))
    return Scores(right, float(np.mean(areas)))
