"""A real pty in front of an emulated board's TCP line, as a USB serial port is in front of a board."""

from __future__ import annotations

import contextlib
import re
import socket
from types import TracebackType

from tests.device.pty_device import PtyDevice


class PtyLine(PtyDevice):
    """Passes bytes on between ``port``, the path of a pty, and ``url``, a board's line."""

    def __init__(self, url: str) -> None:
        super().__init__()
        found = re.fullmatch(r"socket://([\d.]+):(\d+)", url)
        assert found is not None, url
        self._board = socket.create_connection((found[1], int(found[2])))
        self._board.setblocking(False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._board.close()

    def received(self, data: bytes) -> None:
        """Pass on what was typed."""
        self.to_board(data)

    def to_board(self, data: bytes) -> None:
        """Send to the board."""
        self._board.sendall(data)

    def tick(self, now: float) -> None:
        """Pass on what the board has said."""
        with contextlib.suppress(BlockingIOError):
            while data := self._board.recv(4096):
                self.said(data)

    def said(self, data: bytes) -> None:
        """Take what the board has said."""
        self.send(data)


class InterfaceBoard(PtyLine):
    """MLPerf Tiny's interface board: it stands between the runner and a board whose supply is measured.

    It has commands of its own; ``dut COMMAND%`` is for the board behind it, whose lines come back after ``[dut]: ``.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._typed, self._lines = bytearray(), bytearray()

    def received(self, data: bytes) -> None:
        """Obey each command."""
        self._typed += data
        while b"%" in self._typed:
            command, _, rest = bytes(self._typed).partition(b"%")
            self._typed[:] = rest
            name, _, text = command.strip().partition(b" ")
            if name == b"dut":
                self.send(b"m-dut-passthrough(" + text + b")\r\nm-ready\r\n")
                self.to_board(text + b"%")
            elif name == b"name":
                self.send(b"an emulated interface board\r\nm-ready\r\n")
            else:
                self.send(b"e-[Unknown command: " + command + b"]\r\nm-ready\r\n")

    def said(self, data: bytes) -> None:
        """Pass whole lines on."""
        self._lines += data
        while b"\n" in self._lines:
            line, _, rest = bytes(self._lines).partition(b"\n")
            self._lines[:] = rest
            self.send(b"[dut]: " + line + b"\n")
