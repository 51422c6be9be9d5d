"""``toolkit monitor``: watch a board's serial line and type commands into it."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli._group import command
from toolkit.cli._options import common, option, port_options
from toolkit.cli._session import Session
from toolkit.errors import CHECK_FAILED, DEVICE, ToolkitError

if TYPE_CHECKING:
    from toolkit.device.terminal import Said, Terminal

_HISTORY = "monitor_history"
_HISTORY_LINES = 1000


@command("Device", 4)
@port_options
@option(
    "--send", multiple=True, metavar="COMMAND", help="Send this and wait for its answer, then end; in order."
)
@option(
    "--expect", multiple=True, metavar="REGEX", help="Some line must match this; exit code 1 when none does."
)
@option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="End after so long."
)
@option("--timeout", type=click.FloatRange(min=0, min_open=True), default=10.0, show_default=True,
        metavar="SECONDS", help="How long an answer may take.")  # fmt: skip
@common
@click.pass_context
def monitor(
    ctx: click.Context,
    port: str | None,
    baud: int,
    send: tuple[str, ...],
    expect: tuple[str, ...],
    seconds: float | None,
    timeout: float,
) -> None:
    """Show what a board says, with the time of every line, and send what is typed.

    The per cent sign that ends a command is added. Ends with Ctrl-C or Ctrl-D, or when the board is unplugged. Commands
    can be piped in, too.
    """
    from toolkit.device import ports
    from toolkit.device.serial_line import open_port
    from toolkit.device.terminal import Terminal

    session: Session = ctx.obj
    for pattern in expect:
        _check(pattern)
    chosen = port or ports.choose("serial", None).address
    show: Callable[[Said], None] = (lambda _: None) if session.json else _print
    missed: list[str] = []
    with Terminal(open_port(chosen, baud), show, _wake) as terminal:
        session.detail(f"{chosen} at {baud:,} baud")
        try:
            if send or expect:
                missed = _script(terminal, send, expect, seconds or timeout)
            else:
                _talk(session, terminal, seconds, timeout)
        except (KeyboardInterrupt, EOFError):
            if terminal.failure:
                raise ToolkitError(
                    terminal.failure, at=chosen, fix="plug the board in again", exit_code=DEVICE
                ) from None
        lines = list(terminal.lines)
    session.result(
        {"port": chosen, "sent": list(send), "lines": [vars(line) for line in lines], "missed": missed}
    )
    if missed:
        session.say(f"no line matches {missed[0]!r}")
        ctx.exit(CHECK_FAILED)


def _script(
    terminal: Terminal, send: tuple[str, ...], expect: tuple[str, ...], timeout_s: float
) -> list[str]:
    """Send all, each after the answer to the one before; return the patterns that no line matched in time."""
    for text in send:
        _ask(terminal, text, timeout_s)
    deadline = time.monotonic() + timeout_s
    return [
        pattern for pattern in expect if not terminal.wait(pattern, 0, max(0.0, deadline - time.monotonic()))
    ]


def _ask(terminal: Terminal, text: str, timeout_s: float) -> None:
    from toolkit.device.terminal import READY

    since = len(terminal.lines)
    terminal.send(text)
    if not terminal.wait(rf"{READY}$", since, timeout_s):
        raise ToolkitError(
            f"`{text[:40]}` has no answer within {timeout_s:g} s",
            fix="check port and baud rate, reset the board, or give it more time with --timeout",
            exit_code=DEVICE,
        )


def _talk(session: Session, terminal: Terminal, seconds: float | None, timeout_s: float) -> None:
    """Send what is typed, or piped in, until it ends."""
    if seconds is not None and not sys.stdin.isatty():
        terminal.wait(r"(?!)", 0, seconds)  # no line matches this
        return
    if not sys.stdin.isatty():
        for text in _piped(terminal):
            _ask(terminal, text, timeout_s)
        return
    session.say("Type commands, like `name` or `help`; Ctrl-C ends.")
    with _history(), _alarm(seconds):
        while True:
            text = input().strip()
            if text:
                terminal.send(text)


def _piped(terminal: Terminal) -> Iterator[str]:
    """Yield the lines of standard input that say something, as long as the serial line is whole."""
    if sys.platform == "win32":  # pipes cannot be waited for
        yield from (line.strip() for line in sys.stdin if line.strip())
        return
    data = b""
    while not terminal.failure:
        if not select.select([sys.stdin], [], [], 0.1)[0]:
            continue
        new = os.read(sys.stdin.fileno(), 4096)
        *whole, data = (data + new).split(b"\n") if new else (data, b"")
        yield from (line.decode("utf-8", "replace").strip() for line in whole if line.strip())
        if not new:
            return
    raise EOFError


def _print(said: Said) -> None:
    moment = time.strftime("%H:%M:%S", time.localtime())
    click.echo(f"{moment} {said.at_s:9.3f}  {said.text}")


def _wake() -> None:
    """End ``input()`` when the line breaks."""
    if hasattr(signal, "pthread_kill") and sys.stdin.isatty():
        os.kill(os.getpid(), signal.SIGINT)


@contextlib.contextmanager
def _alarm(seconds: float | None) -> Iterator[None]:
    """Interrupt the block after ``seconds``, where the system can."""
    if seconds is None or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: Any) -> None:
        raise EOFError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _history() -> Iterator[None]:
    """Keep what was typed from one time to the next, where there is readline."""
    try:
        import readline
    except ImportError:
        yield
        return
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "toolkit"
    file = folder / _HISTORY
    with contextlib.suppress(OSError):
        readline.read_history_file(file)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            readline.set_history_length(_HISTORY_LINES)
            readline.write_history_file(file)


def _check(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ToolkitError(
            f"{pattern!r} is no regular expression: {error}", at="--expect", fix="escape [ ] ( ) with \\"
        ) from error
