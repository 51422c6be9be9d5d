"""A model behind a serial line: give it samples, let it answer, let it learn, let it keep what it learnt."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

import numpy as np

from toolkit.device.serial_frame import COMMAND_BYTES
from toolkit.device.serial_link import SerialLink
from toolkit.errors import DEVICE, ToolkitError

_CHUNK_BYTES = (COMMAND_BYTES - len("db ")) // 2


@dataclass(frozen=True)
class BoardStats:
    """What firmware says about itself; bytes, and 0 for what it does not know.

    ``stack`` is the most ever used. ``cycles_hz``: how fast its cycle counter counts, 0 without one. ``mark_pin``: 1
    when a pin tells a meter where a timed window begins and ends. ``emulated``: 1 when an emulator runs the firmware,
    so that its times and cycles are no chip's. ``fingerprint``: the CRC-32 of the model's C.
    """

    stack: int
    arena: int
    sample: int
    scores: int
    states: int
    fingerprint: int
    clock_hz: int
    cycles_hz: int
    mark_pin: int
    emulated: int


@dataclass(frozen=True)
class Cycles:
    """Cycles of one run, and of each of its layers where the firmware was built to mark them."""

    total: int
    layers: tuple[int, ...]


class SerialModel:
    """What ``runtime/harness/main_serial.c`` does, as calls; docs/serial.md has the commands.

    Args:
        link: an open line.
        sample_bytes: what one sample of the model has.
        classes: how many scores it gives.
        chunk_bytes: how much of a sample goes into one command; MLPerf Tiny's runner takes 31.

    All methods raise ``ToolkitError`` when the board refuses, fails or is silent (4), or an argument is wrong (2).
    """

    def __init__(
        self, link: SerialLink, *, sample_bytes: int, classes: int, chunk_bytes: int = _CHUNK_BYTES
    ) -> None:
        if not 1 <= chunk_bytes <= _CHUNK_BYTES:
            raise ToolkitError(
                f"a chunk of {chunk_bytes} bytes", fix=f"send 1 to {_CHUNK_BYTES} bytes at once"
            )
        self.link, self.sample_bytes, self.classes, self.chunk_bytes = (
            link,
            sample_bytes,
            classes,
            chunk_bytes,
        )

    def name(self) -> str:
        """Return what the firmware's model is called."""
        return self.link.value("name", "name-dut")

    def load_sample(self, sample: bytes, label: int | None = None) -> None:
        """Send one sample, as the device lays it out, and with ``label`` the class that it belongs to."""
        if len(sample) != self.sample_bytes:
            raise ToolkitError(
                f"the sample has {len(sample):,} bytes, and the model takes {self.sample_bytes:,}",
                fix="give every sample in the device's layout and type",
            )
        if label is not None and not 0 <= label < self.classes:
            raise ToolkitError(
                f"{label} is no class of the model", fix=f"give a label from 0 to {self.classes - 1}"
            )
        self.link.ask(f"db load {len(sample)}")
        lines: list[str] = []
        for at in range(0, len(sample), self.chunk_bytes):
            lines = self.link.ask(f"db {sample[at : at + self.chunk_bytes].hex()}")
        if lines != ["m-load-done"]:
            raise ToolkitError(
                "the board did not get the whole sample",
                at=self.link.port,
                fix="send it again",
                exit_code=DEVICE,
            )
        if label is not None:
            self.link.ask(f"label {label}")

    def infer(self) -> np.ndarray:
        """Let the model answer the loaded sample; return the scores, float64, rounded to 3 decimals by the board."""
        text = self.link.value("infer 1", "results")
        try:
            scores = np.array([float(word) for word in text.split(",")])
        except ValueError:
            scores = np.zeros(0)
        if len(scores) != self.classes:
            raise self._garbled("infer", text)
        return scores

    def train(self, rate: float) -> float:
        """Let the model learn from the loaded sample and its label; return the loss before.

        ``rate`` is sent with as many digits as make the same float32 on every device.
        """
        text = self.link.value(f"train {_digits(rate)}", "loss")
        try:
            return float(text)
        except ValueError:
            raise self._garbled("train", text) from None

    def accuracy(self) -> tuple[int, int]:
        """Return (right, asked) of all labelled samples answered or learnt since the last such question."""
        text = self.link.value("accuracy", "accuracy")
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if found is None:
            raise self._garbled("accuracy", text)
        return int(found[1]), int(found[2])

    def run(self, runs: int, warm_ups: int = 0, *, takes_s: float = 0.0) -> int:
        """Let the model answer the loaded sample ``warm_ups + runs`` times; return the time of the last ``runs``.

        In microseconds of the board's clock, which wraps around after 71 minutes. ``takes_s``: about how long all
        of it will last.
        """
        return self._lap(self.link.ask(f"infer {runs} {warm_ups}", takes_s=takes_s), "infer")

    def train_often(self, rate: float, steps: int, *, takes_s: float = 0.0) -> int:
        """Let the model learn ``steps`` times from the loaded sample; return the time as ``run`` does."""
        return self._lap(self.link.ask(f"train {_digits(rate)} {steps}", takes_s=takes_s), "train")

    def outputs(self) -> bytes:
        """Return the bytes of all outputs of the last run, joined."""
        text = self.link.value("outputs", "outputs")
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise self._garbled("outputs", text) from None

    def save(self) -> int:
        """Keep the states in flash; return the number of the save."""
        return self._number("save", "saved")

    def load(self) -> int:
        """Take the newest states out of flash; return the number of that save."""
        return self._number("load", "loaded")

    def reset(self) -> None:
        """Forget what was learnt since the model was made; what is in flash stays."""
        self.link.ask("reset")

    def state_crc(self) -> int:
        """Return the CRC-32 of all states' bytes: equal states have equal ones."""
        return self._number("states", "state-crc")

    def stack_bytes(self) -> int:
        """Return how much of the stack was ever used; 0 where the board does not know."""
        return self._number("stats", "stack")

    def stats(self) -> BoardStats:
        """Return what the board knows about itself."""
        found = {}
        for line in self.link.ask("stats"):
            if matched := re.fullmatch(r"m-([a-z-]+)-\[(\d{1,10})\]", line):
                found[matched[1].replace("-", "_")] = int(matched[2])
        names = [field.name for field in fields(BoardStats)]
        if any(name not in found for name in names):
            raise self._garbled("stats", " ".join(found))
        return BoardStats(**{name: found[name] for name in names})

    def layers(self) -> Cycles:
        """Run once more and return the cycles that the core counted."""
        numbers = {}
        for line in self.link.ask("layers"):
            if matched := re.fullmatch(r"m-((?:layer-)?cycles)-\[([\d,]+)\]", line):
                numbers[matched[1]] = [int(word) for word in matched[2].split(",") if word]
        if len(numbers.get("cycles", [])) != 1:
            raise self._garbled("layers", str(numbers))
        return Cycles(numbers["cycles"][0], tuple(numbers.get("layer-cycles", [])))

    def _lap(self, lines: list[str], command: str) -> int:
        laps = [int(found[1]) for line in lines if (found := re.fullmatch(r"m-lap-us-(\d{1,10})", line))]
        if len(laps) != 2:
            raise self._garbled(command, " ".join(lines))
        return (laps[1] - laps[0]) % 2**32

    def _number(self, command: str, name: str) -> int:
        text = self.link.value(command, name)
        if not re.fullmatch(r"\d{1,10}", text):
            raise self._garbled(command, text)
        return int(text)

    def _garbled(self, command: str, text: str) -> ToolkitError:
        return ToolkitError(
            f"the board answers `{command}` with {text[:60]!r}", at=self.link.port,
            fix="check the baud rate and the wiring", exit_code=DEVICE,
        )  # fmt: skip


def _digits(rate: float) -> str:
    """Return a learning rate with as many digits as make the same float32 on every device."""
    return np.format_float_scientific(np.float32(rate), trim="-", exp_digits=1)
