"""A model behind a serial line: give it samples, let it answer, let it learn, let it keep what it learnt."""

from __future__ import annotations

import re

import numpy as np

from toolkit.device.serial_link import LINE_BYTES, SerialLink
from toolkit.errors import DEVICE, ToolkitError

_CHUNK_BYTES = (LINE_BYTES - len("db ")) // 2


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
        text = self.link.value(
            f"train {np.format_float_scientific(np.float32(rate), trim='-', exp_digits=1)}", "loss"
        )
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
