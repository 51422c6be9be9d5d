"""``toolkit monitor``: what a board says with its times, and what is typed; on a pty, as a USB serial port is."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.device import host_board

if TYPE_CHECKING:
    from tests.conftest import Cli

LINE = re.compile(r"\d\d:\d\d:\d\d +\d+\.\d{3}  (.*)")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware as a program of this machine."""
    return host_board.sanitized(tmp_path_factory.mktemp("board"))


class Board:
    """A program whose standard input and output are a serial port at ``port``."""

    def __init__(self, *command: object) -> None:
        self.end, far = pty.openpty()
        tty.setraw(far)
        self.port, self._far = os.ttyname(far), far
        self.process = subprocess.Popen([*map(str, command)], stdin=self.end, stdout=self.end)

    def unplug(self) -> None:
        """Take it away."""
        self.process.kill()
        self.process.wait()
        for end in (self.end, self._far):
            if end >= 0:
                os.close(end)
        self.end = self._far = -1


@pytest.fixture
def board(program: Path) -> Iterator[Board]:
    """A board that runs."""
    board = Board(program)
    yield board
    board.unplug()


def test_a_script_sends_expects_and_gets_json(cli: Cli, board: Board) -> None:
    done = cli("monitor", "--port", board.port, "--send", "name", "--send", "db load 3", "--expect", "m-name-dut-",
               "--expect", "bytes: 32", "--json")  # fmt: skip
    assert done.code == 0, done.err
    found = done.document
    assert (found["sent"], found["missed"]) == (["name", "db load 3"], [])
    texts = [line["text"] for line in found["lines"]]
    assert texts[-4:] == ["m-name-dut-[learner]", "m-ready", texts[-2], "m-ready"]
    assert found["lines"] == sorted(found["lines"], key=lambda line: line["at_s"])
    shown = cli("monitor", "-p", board.port, "--send", "name", "--expect", "m-name-dut-.cat")
    assert shown.code == 1
    matches = [LINE.fullmatch(line) for line in shown.out.splitlines()]
    assert [found[1] for found in matches if found][-2:] == ["m-name-dut-[learner]", "m-ready"]
    assert "no line matches" in shown.err
    assert cli("monitor", "-p", board.port, "--expect", "(").code == 2


def test_silence_is_an_error_and_anything_else_is_shown(cli: Cli) -> None:
    script = "printf 'boot\\033[2J \\377 loader> '; sleep 30"
    board = Board("sh", "-c", script)
    try:
        started = time.monotonic()
        done = cli("monitor", "-p", board.port, "--send", "name", "--timeout", "1", "--json")
        assert done.code == 4
        assert "no answer within 1 s" in done.err
        assert time.monotonic() - started < 8
        board.unplug()
        board = Board("sh", "-c", f"sleep 0.5; {script}")
        done = cli("monitor", "-p", board.port, "--seconds", "1.5", "--json")
        assert done.code == 0
        assert [line["text"] for line in done.document["lines"]] == ["boot\\x1b[2J \\xff loader> "]
    finally:
        board.unplug()
    assert cli("monitor", "-p", "/dev/tty-that-is-not-there").code == 4


def test_commands_are_piped_in(board: Board) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "toolkit", "monitor", "-p", board.port],
        input="name\n\nlabel 9\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "m-name-dut-[learner]" in done.stdout
    assert "the largest is: 3" in done.stdout


@pytest.mark.parametrize("end", ["ctrl-c", "ctrl-d", "unplug"])
def test_a_person_types_and_ends_it(board: Board, tmp_path: Path, end: str) -> None:
    child, terminal = pty.fork()
    if not child:
        os.environ["XDG_STATE_HOME"] = str(tmp_path)
        os.execv(sys.executable, [sys.executable, "-m", "toolkit", "monitor", "-p", board.port])
    try:
        text = _read(terminal, b"Type commands")
        time.sleep(0.3)  # until input() listens
        os.write(terminal, b"name\r")
        text = _read(terminal, b"m-name-dut-[learner]")
        assert b"m-name-dut-[learner]" in text
        if end == "unplug":
            board.unplug()
        else:
            os.write(terminal, {"ctrl-c": b"\x03", "ctrl-d": b"\x04"}[end])
        _read(terminal, b"\0")  # to its end
        assert _wait(child) == (4 if end == "unplug" else 0)
    finally:
        os.close(terminal)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):  # it has ended
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert "name" in (tmp_path / "toolkit" / "monitor_history").read_text("utf-8")


def _read(terminal: int, until: bytes) -> bytes:
    text, deadline = b"", time.monotonic() + 120  # a busy machine imports for long
    while until not in text:
        assert time.monotonic() < deadline, text
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                new = os.read(terminal, 4096)
            except OSError:
                return text
            if not new:
                return text
            text += new
    return text


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
