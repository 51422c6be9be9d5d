"""An emulated X-NUCLEO-LPM01A: the PowerShield's serial protocol as in ST's UM2243 and UM2269, over a pty."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

import numpy as np

from tests.device.instrument import Instrument
from tests.device.known_load import KnownLoad

PROMPT = "PowerShield > "
FREQUENCIES = {
    **{f"{n}": n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500)},
    **{f"{n}k": 1000 * n for n in (1, 2, 5, 10, 20, 50, 100)},
}
_CHOICES = {
    "acqmode": ("dyn", "stat"),
    "funcmode": ("optim", "high"),
    "output": ("current", "energy"),
    "format": ("ascii_dec", "bin_hexa"),
    "trigsrc": ("sw", "d7"),
    "pwrend": ("on", "off"),
}
_VALUED = ("acqtime", "trigdelay", "currthres", "volt", "freq", *_CHOICES)
_MOST_A = 0.050  # dynamic mode, UM2243 section 10


class Lpm01aBoard(Instrument):
    """It measures ``load`` while its power is on, and marks edges of the load's pin, which is on its D7.

    Args:
        load: what is measured.
        faults: names of what goes wrong: ``silent`` answers nothing; ``garbage`` sends noise among samples; ``lossy``
            leaves out every seventh block of samples; ``old`` firmware knows no ``eventsrc``; ``overcurrent`` stops.
    """

    def __init__(self, load: KnownLoad, *, faults: tuple[str, ...] = ()) -> None:
        super().__init__(load)
        self.faults = faults
        self.settings = {
            "freq": "100", "output": "current", "format": "ascii_dec", "acqtime": "10", "volt": "3300m",
            "acqmode": "dyn",
        }  # fmt: skip
        self.hosted = self.powered = self.running = False
        self.events: str | None = None  # the edge of D7 that is told of
        self.lines: list[str] = []  # every command that came
        self._typed = bytearray()
        self._started = 0.0
        self._sent = self._events_sent = self._blocks = 0

    def received(self, data: bytes) -> None:
        """Obey each whole line."""
        self._typed += data
        while (end := re.search(rb"[\r\n]", self._typed)) is not None:
            line = self._typed[: end.start()].decode("ascii", "replace").strip()
            del self._typed[: end.end()]
            if line:
                self.lines.append(line)
                if "silent" not in self.faults:
                    self._obey(line)

    def _obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        known: dict[str, Callable[[str, str], None]] = {
            "htc": self._take, "hrc": self._release, "powershield": self._tell, "version": self._tell,
            "status": self._tell, "lcd": self._done, "echo": self._done, "pwr": self._power,
            "start": self._start, "stop": self._stop, "eventsrc": self._event_source, "calib": self._done,
        }  # fmt: skip
        known.update(dict.fromkeys(_VALUED, self._set))
        if word not in known:
            self._refuse(line, "Command unknown")
        elif not self.hosted and word not in ("htc", "powershield", "version", "status", "echo"):
            self._refuse(line, "PowerShield is not controlled by host")
        else:
            known[word](line, rest.strip())

    def _done(self, line: str, _rest: str = "") -> None:
        self.send(f"{PROMPT}ack {line}\r\n".encode())

    def _refuse(self, line: str, why: str) -> None:
        self.send(f"{PROMPT}error {line}\r\nError detail: {why}\r\n".encode())

    def _take(self, line: str, _rest: str) -> None:
        self.hosted = True
        self._done(line)

    def _release(self, line: str, _rest: str) -> None:
        self.hosted = self.running = False
        self._done(line)

    def _tell(self, line: str, _rest: str) -> None:
        said = {"powershield": "PowerShield present: 2034375039465330", "version": "1.0.6", "status": "ok"}
        self._done(f"{line} {said[line.split()[0]]}")

    def _power(self, line: str, rest: str) -> None:
        if rest == "get":
            self._done(f"{line} {'on' if self.powered else 'off'}")
        elif rest.split(" ")[0] not in ("on", "off", "auto"):
            self._refuse(line, "Argument not valid")
        else:
            self.powered = not rest.startswith("off")
            self._done(line)

    def _set(self, line: str, rest: str) -> None:
        word = line.split()[0]
        if rest == "get" and word == "volt":
            self._done(f"{line} {ascii_decimal(_number(self.settings['volt']))}")
        elif word in _CHOICES and rest not in _CHOICES[word]:
            self._refuse(line, "Argument not valid")
        elif word == "freq" and rest not in FREQUENCIES:
            self._refuse(line, "Frequency not in the list")
        elif word == "volt" and not 1.8 <= round(_number(rest), 3) <= 3.3:
            self._refuse(line, "Voltage out of range")
        else:
            self.settings[word] = rest
            self._done(line)

    def _event_source(self, line: str, rest: str) -> None:
        found = re.fullmatch(r"d7 (ris|fal)", rest)
        if found is None or "old" in self.faults:
            self._refuse(line, "Command unknown")
        else:
            self.events = found[1]
            self._done(line)

    @property
    def frequency(self) -> int:
        """Samples per second, as set."""
        return FREQUENCIES[self.settings["freq"]]

    def _start(self, line: str, _rest: str) -> None:
        if self.settings["format"] == "ascii_dec" and self.frequency > 20_000:
            self._refuse(line, "Frequency too high for this format")
            return
        if self.settings["output"] == "energy" and self.frequency > 10_000:
            self._refuse(line, "Frequency too high for energy")
            return
        self.powered = True  # as with `pwr auto`
        self._done(line)
        self.running, self._started, self._sent = True, 0.0, 0

    def _stop(self, line: str, _rest: str) -> None:
        if not self.running:
            self._refuse(line, "No acquisition on going")
            return
        self.tick(time.monotonic())
        self.running = False
        if self._binary:
            self.send(b"\xf0\xf4\xff\xff")
        self.send(f"\r\n{PROMPT}Acquisition completed\r\n".encode())

    @property
    def _binary(self) -> bool:
        return self.settings["format"] == "bin_hexa"

    def sample(self, now: float) -> None:
        """Send the samples up to now, and a time stamp before those of each second."""
        if not self.running:
            return
        if not self._started:
            self._started = now
        due = int((now - self._started) * self.frequency)
        while self._sent < due:
            second = self._sent // self.frequency
            if self._sent == second * self.frequency:
                self._stamp(second)
            self._send_samples(min(due, (second + 1) * self.frequency) - self._sent)

    def _stamp(self, second: int) -> None:
        if self._binary:
            self.send(b"\xf0\xf3" + (1000 * second).to_bytes(4, "big") + b"\x00\xff\xff")
        else:
            self.send(f"TimeStamp: {second:03d}s 000ms, buff 00%\r\n".encode())

    def _send_samples(self, count: int) -> None:
        period = 1.0 / self.frequency
        since, until = (self._started + index * period for index in (self._sent, self._sent + count))
        at = since + period * (np.arange(count) + 0.5)
        self._sent += count
        current = np.clip(self.load.current(at), 0, None) if self.powered else np.zeros(count)
        values = current * self.load.voltage * period if self.settings["output"] == "energy" else current
        told = [(True, "ris"), (False, "fal")]
        edges = [edge for edge, rising in self.load.edges(since, until) if (rising, self.events) in told]
        self._blocks += 1
        if "lossy" in self.faults and self._blocks % 7 == 0:
            return
        if "overcurrent" in self.faults and count and current.max() > _MOST_A and self._binary:
            self.send(b"\xf0\xf5\xff\xff")
        if self._binary:
            self.send(binary_hexa(values))
            return
        lines = []
        for when, value in zip(at, values, strict=True):
            while edges and edges[0] <= when:
                edges.pop(0)
                lines.append(f"event {self._events_sent} ris")
                self._events_sent += 1
            lines.append(ascii_decimal(value))
        for _ in edges:
            lines.append(f"event {self._events_sent} ris")
            self._events_sent += 1
        text = "".join(f"{line}\r\n" for line in lines)
        if "garbage" in self.faults and self._blocks % 5 == 0:
            text = "\x00\x7f#!\r\n" + text
        self.send(text.encode())


def ascii_decimal(value: float) -> str:
    """Return a value as ``6409-07``: four digits and a power of ten."""
    if value < 1e-12:
        return "0000-12"
    power = math.floor(math.log10(value)) - 3
    digits = round(value / 10.0**power)
    if digits == 10_000:
        digits, power = 1000, power + 1
    return f"{digits:04d}{power:+03d}"


def binary_hexa(values: np.ndarray) -> bytes:
    """Return values of two bytes each: 4 bits of a negative power of 16 and 12 bits, so that 52A0 is 0x2A0 / 16^5."""
    power = np.clip(np.floor(np.log2(0xFFF / np.maximum(values, 1e-12)) / 4), 0, 14)
    mantissa = np.minimum(np.round(values * 16.0**power), 0xFFF)
    return (power.astype(np.uint16) << 12 | mantissa.astype(np.uint16)).astype(">u2").tobytes()


def _number(text: str) -> float:
    found = re.fullmatch(r"(\d+)([umk]?)", text)
    return int(found[1]) * {"u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3}[found[2]] if found else math.nan
