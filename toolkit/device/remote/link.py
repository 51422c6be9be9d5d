"""What a connection to a device can do; ``ssh.py`` and ``adb.py`` are two of them, ``rehearsal.py`` is none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from toolkit.errors import DEVICE, ToolkitError


@dataclass(frozen=True)
class Done:
    """A command's end on the device."""

    code: int
    out: str
    err: str


class Link(Protocol):
    """An open connection. All paths on the device are POSIX; ``home``, with its slash, is where bundles go."""

    name: str
    home: str

    def run(self, command: str, timeout_s: float) -> Done:
        """Run a shell's line there. Raises ``ToolkitError`` where the device does not answer in time."""

    def put(self, local: Path, remote: str, timeout_s: float) -> None:
        """Copy a file or a folder there, over what lies there."""

    def get(self, remote: str, local: Path, timeout_s: float) -> None:
        """Copy a file from there."""

    def close(self) -> None:
        """End the connection."""


def checked(link: Link, command: str, doing: str, timeout_s: float) -> str:
    """Run a line there and return what it prints. Raises ``ToolkitError`` (4) where it fails."""
    done = link.run(command, timeout_s)
    if done.code:
        raise failure(link, done, doing)
    return done.out


def failure(link: Link, done: Done, doing: str) -> ToolkitError:
    """Return the error that a command failed on the device."""
    said = (done.err.strip() or done.out.strip() or f"exit status {done.code}")[-500:]
    full = "no space left" in said.lower()
    return ToolkitError(
        f"{link.name}: {doing} failed: {said}",
        fix="free some space there, or choose another folder with --path" if full else "",
        exit_code=DEVICE,
    )
