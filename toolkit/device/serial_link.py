"""One serial line: commands out, answers back, whatever is at the other end, noise and silence included."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Self

from toolkit.device.serial_checked import CheckedTalk
from toolkit.device.serial_frame import COMMAND_BYTES
from toolkit.device.serial_line import BAUD, Line, Received, open_port
from toolkit.device.serial_plain import PlainTalk
from toolkit.errors import ToolkitError

TIMEOUT_S = 10.0
PATIENCE_S = 0.5
_ERROR = re.compile(r"e-\[(.*)\]")


class SerialLink:
    """A line to firmware that speaks MLPerf Tiny's protocol: ``name%`` is answered by lines, the last one ``m-ready``.

    Firmware of this toolkit understands a checked form, too: commands and answers carry length, CRC and a sequence
    number. It is used where the board knows it. What was damaged on the way, out or back, is then repeated, and
    nothing is done twice; a damaged answer is never taken for one.

    Args:
        port: a device (``/dev/ttyACM0``, ``COM3``), a pty, any URL of pyserial (``socket://127.0.0.1:5000``), or an
            open ``Line``.
        baud: of the line.
        timeout_s: every wait ends after so long.
        patience_s: a command is sent again when nothing has come for so long; then for twice as long, and so on.
        checked: True: insist on the checked form. False: plain text only. None: ask the board.

    Use it in a ``with`` statement.

    Raises:
        ToolkitError: pyserial is missing (3), or there is no such port or nothing at its end answers (4).
    """

    def __init__(
        self,
        port: str | Line,
        *,
        baud: int = BAUD,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        checked: bool | None = None,
    ) -> None:
        self.port = port if isinstance(port, str) else type(port).__name__
        line = open_port(port, baud) if isinstance(port, str) else port
        self.line = Received(line, self.port, baud)
        self.talk: CheckedTalk | PlainTalk
        try:
            spoken = CheckedTalk(self.line, timeout_s, patience_s)
            if checked is not False and spoken.agree(insist=checked is True):
                self.talk = spoken
            else:
                self.talk = PlainTalk(self.line, timeout_s)
                self.talk.synchronize()
        except BaseException:
            self.close()
            raise

    @property
    def checked(self) -> bool:
        """Whether commands and answers carry checksums."""
        return isinstance(self.talk, CheckedTalk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the port go."""
        self.line.line.close()

    def ask(self, command: str, *, takes_s: float = 0.0) -> list[str]:
        """Send ``command`` (without the per cent sign) and return the lines of the answer, without ``m-ready``.

        Args:
            command: up to ``serial_frame.COMMAND_BYTES`` printable ASCII characters.
            takes_s: how long the board works on it; added to what it may take anyway.

        Raises:
            ToolkitError: the command cannot be sent (2); the board says that something is wrong, says nothing in
                time, hangs up, was reset or sends what is no answer (4).
        """
        if (
            not command.isascii()
            or not command.isprintable()
            or "%" in command
            or "#" in command
            or len(command) > COMMAND_BYTES
        ):
            raise ToolkitError(
                f"{command[:40]!r} is no command",
                fix=f"send up to {COMMAND_BYTES} printable ASCII characters without % and #",
            )
        lines = self.talk.ask(command, takes_s)
        for line in lines:
            if found := _ERROR.fullmatch(line):
                raise self.line.error(f"the board refuses `{command[:40]}`: {found[1]}", "")
            if not re.match(r"m-", line):
                raise self.line.error(
                    f"no answer to `{command[:40]}` begins with {line[:40]!r}",
                    "check the baud rate and the wiring, and that nothing else writes to the port",
                )
        return lines

    def value(self, command: str, name: str, *, takes_s: float = 0.0) -> str:
        """Send ``command`` and return what stands in the brackets of the line ``m-name-[…]`` of its answer.

        Raises:
            ToolkitError: as ``ask``, and when there is no such line.
        """
        for line in self.ask(command, takes_s=takes_s):
            if line.startswith(f"m-{name}-[") and line.endswith("]"):
                return line[len(name) + 4 : -1]
        raise self.line.error(
            f"the answer to `{command[:40]}` has no m-{name}-[…]", "flash firmware of this toolkit"
        )
