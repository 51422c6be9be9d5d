"""A board's serial line as a person watches it: every line with its time, and commands typed into it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from toolkit.device.serial_line import Line
from toolkit.errors import DEVICE, ToolkitError

_PROMPT_S = 0.25  # what stands without a line end so long is shown, too: a prompt
_LONGEST_LINE = 8192
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # they could move the cursor or rename the window
READY = "m-ready"


@dataclass(frozen=True)
class Said:
    """A line that came: ``at_s`` seconds after the terminal was opened. What is not text is escaped."""

    at_s: float
    text: str


class Terminal:
    """Reads a line in the background; use it in a ``with`` statement.

    Args:
        line: an open serial line; reads must end after a short time.
        show: is given every line that comes, from another thread.
        broken: is called once when the line breaks.
    """

    def __init__(
        self,
        line: Line,
        show: Callable[[Said], None] = lambda _: None,
        broken: Callable[[], None] = lambda: None,
    ) -> None:
        self.line, self.failure = line, ""
        self.lines: list[Said] = []
        self._show, self._broken = show, broken
        self._opened = time.monotonic()
        self._changed, self._off = threading.Condition(), threading.Event()
        self._thread = threading.Thread(target=self._read, name="serial terminal", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._off.set()
        self._thread.join(2)
        self.line.close()

    def send(self, command: str) -> None:
        """Send a command; its per cent sign is added where it is missing.

        Raises:
            ToolkitError: it is not ASCII (2), or the line is broken (4).
        """
        if not command.isascii():
            raise ToolkitError(f"{command[:40]!r} is not ASCII", fix="boards understand ASCII only")
        try:
            self.line.write((command if command.endswith("%") else f"{command}%").encode("ascii"))
            self.line.flush()
        except (OSError, ValueError) as error:  # pyserial's errors are OSErrors
            raise self._error(f"cannot write to the serial port: {error}") from error

    def wait(self, pattern: str, since: int, timeout_s: float) -> bool:
        """Wait until one of ``lines[since:]`` matches ``pattern`` somewhere; say whether one does.

        Raises:
            ToolkitError: the line broke before (4).
        """
        wanted = re.compile(pattern)

        def there() -> bool:
            return any(wanted.search(line.text) for line in self.lines[since:])

        with self._changed:
            self._changed.wait_for(lambda: there() or bool(self.failure), timeout_s)
            if there():
                return True
        if self.failure:
            raise self._error(self.failure)
        return False

    def _read(self) -> None:
        data, last = b"", time.monotonic()
        while not self._off.is_set():
            try:
                new = self.line.read(max(1, self.line.in_waiting))
            except (
                OSError,
                ValueError,
                TypeError,
            ) as error:  # TypeError: pyserial's, of a port that was closed
                self._say(data)
                if not self._off.is_set():
                    with self._changed:
                        self.failure = f"the serial line broke: {error}"
                        self._changed.notify_all()
                    self._broken()
                return
            data, last = data + new, time.monotonic() if new else last
            *whole, data = data.split(b"\n")
            for text in whole:
                self._say(text)
            if len(data) > _LONGEST_LINE or (data and time.monotonic() - last > _PROMPT_S):
                self._say(data)
                data = b""
        self._say(data)

    def _say(self, data: bytes) -> None:
        text = data.rstrip(b"\r").decode("utf-8", "backslashreplace")
        if not text:
            return
        said = Said(
            round(time.monotonic() - self._opened, 3),
            _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text),
        )
        with self._changed:
            self.lines.append(said)
            self._changed.notify_all()
        self._show(said)

    def _error(self, what: str) -> ToolkitError:
        return ToolkitError(what, fix="plug the board in again", exit_code=DEVICE)
