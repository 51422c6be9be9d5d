"""``python -m toolkit.device.board_process``: one emulated board, up until it is told to stop or killed."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from toolkit import atomic
from toolkit.device import targets
from toolkit.device.build import Image
from toolkit.device.emulated_board import running
from toolkit.errors import ToolkitError

_LOOK_S = 0.5


def serve(elf: Path, target: str, emulator: str, record: Path) -> None:
    """Run ``elf`` on ``target``, write into ``record`` where its serial line is, and return when told to stop.

    Raises:
        ToolkitError: it cannot be emulated, or the program faults.
    """
    image = Image(elf, "", "bare_metal", 0, 0)
    token = secrets.token_hex(16)
    with (
        running(image, targets.load(target), emulator=emulator) as board,
        socket.create_server(("127.0.0.1", 0)) as control,
    ):
        control.settimeout(_LOOK_S)
        about = {"url": board.url, "pid": os.getpid(), "control": control.getsockname()[1], "token": token}
        atomic.write_text(record, json.dumps(about))
        try:
            while not _told(control, token):
                if (failure := board.failure()) is not None:
                    raise failure
        finally:
            _forget(record, token)


def _told(control: socket.socket, token: str) -> bool:
    """Wait a moment for somebody who knows the token."""
    try:
        line, _ = control.accept()
    except TimeoutError:
        return False
    with line, suppress(OSError):
        line.settimeout(_LOOK_S)
        return secrets.compare_digest(line.recv(64).strip(), token.encode())
    return False


def _forget(record: Path, token: str) -> None:
    """Take the record away, unless another board has written its own over it."""
    with suppress(OSError):
        if token in record.read_text("utf-8"):
            record.unlink()


def main(arguments: list[str]) -> int:
    """Run with ``ELF TARGET EMULATOR RECORD``."""

    def leave(*_: Any) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)
    elf, target, emulator, record = arguments
    try:
        serve(Path(elf), target, emulator, Path(record))
    except ToolkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
