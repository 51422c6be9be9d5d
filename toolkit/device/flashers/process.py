"""Run a flashing tool so that it always ends: with its output, by a timeout, or with Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import MISSING, ToolkitError

Say = Callable[[str], None]
_LONGEST = 1 << 20
_GRACE_S = 2.0
_LOOK_S = 0.1
_GONE_S = 10.0  # boards that restart take their port away for a second or two


@dataclass(frozen=True)
class Done:
    """What a tool said on both of its outputs, and its exit code, which is None when it was stopped.

    ``gone``: it was stopped because its port went away; else because it took too long.
    """

    code: int | None
    text: str
    gone: bool = False


def run(command: Sequence[str], timeout_s: float, say: Say, port: Path | None = None) -> Done:
    """Run ``command`` for ``timeout_s`` at most, and leave no process behind.

    Args:
        command: program and arguments.
        timeout_s: after so long it is stopped.
        say: gets each line, as it comes.
        port: a file of which the tool may not notice that it goes away.

    Raises:
        ToolkitError: it cannot be started (3).
    """
    own_group = {"start_new_session": True} if os.name == "posix" else {}
    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Tools that draw bars draw none where nobody looks, and Python's own say at once what they say.
            env={**os.environ, "TERM": "dumb", "COLUMNS": "200", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
            **own_group,  # type: ignore[call-overload]
        )
    except OSError as error:
        raise ToolkitError(f"cannot start {command[0]}: {error.strerror}", exit_code=MISSING) from error
    said: list[str] = []
    reader = threading.Thread(target=_read, args=(process, said, say), daemon=True)
    reader.start()
    deadline, seen = time.monotonic() + timeout_s, time.monotonic()
    gone = False
    try:
        while process.poll() is None and time.monotonic() < deadline and not gone:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_S)
            if port is None or port.exists():
                seen = time.monotonic()
            gone = time.monotonic() - seen > _GONE_S
        code = process.poll()
    finally:
        _stop(process)
    reader.join(_GRACE_S)
    return Done(code, "\n".join(said), gone)


def _read(process: subprocess.Popen[bytes], said: list[str], say: Say) -> None:
    assert process.stdout is not None
    left = _LONGEST
    with process.stdout:
        for line in process.stdout:
            text = line.decode("utf-8", "replace").replace("\r", "\n").strip()
            left -= len(text)
            if text and left > 0:
                said.append(text)
                say(text)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started; nothing happens to what has ended."""
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    process.wait()
