"""Talking to firmware in the checked form of its commands: what gets no whole answer is repeated, and done once."""

from __future__ import annotations

import random
import time

from toolkit.device import serial_frame
from toolkit.device.serial_line import Received

_LONGEST_ANSWER = 1 << 22
_NO_ANSWER = ("e-[Damaged", "e-[Noise", "e-[Too long", "m-init-done")  # to what was sent
_DAMAGES = 12  # of one exchange, before the line is called bad


class CheckedTalk:
    """Commands with length, CRC and a sequence number, and answers likewise; see ``serial_frame``.

    Args:
        line: to the board.
        timeout_s: every wait ends after so long.
        patience_s: a command is sent again when nothing has come for so long; then for twice as long, and so on.
    """

    def __init__(self, line: Received, timeout_s: float, patience_s: float) -> None:
        self.line, self.timeout_s, self.patience_s = line, timeout_s, patience_s
        self.sequence = 0
        self.in_step = False  # the board knows our sequence number

    def agree(self, insist: bool) -> bool:
        """Find out whether the board knows the checked form, and begin it.

        Args:
            insist: an error when it does not.
        """
        votes, said, patience = 0, b"", self.patience_s
        deadline = time.monotonic() + self.timeout_s
        self.sequence = random.randrange(serial_frame.SEQUENCES // 2)
        while time.monotonic() < deadline:
            self.line.send(serial_frame.frame(self.sequence, "sync"))
            body, text = self._hear(self.sequence, patience, deadline, lone=True)
            if body is not None:
                self.in_step = True
                return True
            said, patience = text or said, 2 * patience
            lines = text.decode("ascii", "replace").splitlines()
            votes += "m-ready" in lines and not any(line.startswith(_NO_ANSWER) for line in lines)
            if votes == 2 and not insist:
                return False
        if insist or not said:
            self.line.silent("sync", said, self.timeout_s)
        return False

    def ask(self, command: str, takes_s: float) -> list[str]:
        """Send a command until a whole answer to it has come; return its lines.

        Raises:
            ToolkitError: there is no such answer in time, or the board was reset in between.
        """
        if self.sequence == serial_frame.SEQUENCES:
            self.sequence, self.in_step = 0, False
        if not self.in_step:
            self._repeat("sync", 0.0)
            self.in_step = True
        self.sequence += 1
        lines = self._repeat(command, takes_s)
        if any(line.startswith("e-[Out of sequence") for line in lines):
            self.in_step = False
            raise self.line.error(
                f"the board was reset before `{command[:40]}`, or somebody typed a command in between",
                "begin again: send the sample once more; what was not saved is lost",
            )
        return lines

    def _repeat(self, command: str, takes_s: float) -> list[str]:
        data = serial_frame.frame(self.sequence, command)
        patience = self.patience_s + takes_s + 20 * len(data) / self.line.baud
        deadline = time.monotonic() + self.timeout_s + takes_s
        damages, said = 0, b""
        while True:
            self.line.send(data)
            body, text = self._hear(self.sequence, patience, deadline)
            if body is not None:
                return [line for line in body.decode("ascii", "replace").splitlines() if line]
            said = text or said
            damages += bool(text)
            patience *= 1 if text else 2
            if time.monotonic() > deadline or damages > _DAMAGES:
                self.line.silent(command, said, self.timeout_s + takes_s)

    def _hear(
        self, sequence: int, patience_s: float, deadline: float, *, lone: bool = False
    ) -> tuple[bytes | None, bytes]:
        """Return the body of the answer to ``sequence``.

        Or None and what came instead, when that has ended, or when nothing came for ``patience_s`` or any longer.
        """
        give_up = min(time.monotonic() + patience_s, deadline)
        while True:
            found = serial_frame.find(self.line.data, sequence, lone=lone)
            if found is not None:
                text = self.line.take(found.used)
                if found.body is not None:
                    return found.body, b""
                if found.damaged:
                    return None, text
            if time.monotonic() > give_up:
                return None, bytes(self.line.data)
            if self.line.receive():
                give_up = min(time.monotonic() + patience_s, deadline)
            if len(self.line.data) > _LONGEST_ANSWER:
                raise self.line.error("the board never stops talking", "check the baud rate, reset the board")
