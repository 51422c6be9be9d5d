"""A program of this machine that serves a model on its standard input and output, as a serial line."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

from toolkit.errors import DEVICE, ToolkitError

_WAIT_S = 0.05
_END_S = 2.0


class LocalProgram:
    """A ``toolkit.device.serial_link.Line``: ``build(bundle, serial=True)`` of a bundle for this machine.

    Raises:
        ToolkitError: the program cannot be started.
    """

    def __init__(self, program: Path) -> None:
        try:
            self._process = subprocess.Popen(
                [str(Path(program).resolve())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
            )
        except OSError as error:
            raise ToolkitError(
                f"cannot start {program}: {error.strerror}",
                fix="build it again, for this machine",
                exit_code=DEVICE,
            ) from error
        self._arrived = threading.Condition()
        self._data = bytearray()
        self._ended = False
        self._thread = threading.Thread(target=self._take, name="local program", daemon=True)
        self._thread.start()

    @property
    def in_waiting(self) -> int:
        """See ``Line``."""
        return len(self._data)

    def read(self, size: int) -> bytes:
        """See ``Line``. Raises ``OSError`` when the program has ended."""
        with self._arrived:
            if not self._data and not self._ended:
                self._arrived.wait(_WAIT_S)
            if not self._data and self._ended:
                raise OSError(f"the program has ended with exit status {self._process.poll()}")
            data = bytes(self._data[:size])
            del self._data[:size]
            return data

    def write(self, data: bytes) -> None:
        """See ``Line``. Raises ``OSError`` when the program has ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(data)

    def flush(self) -> None:
        """See ``Line``."""

    def close(self) -> None:
        """See ``Line``. The program ends with its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(_END_S)

    def _take(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while data := os.read(stream.fileno(), 1 << 16):
                with self._arrived:
                    self._data += data
                    self._arrived.notify_all()
        with self._arrived:
            self._ended = True
            self._arrived.notify_all()
