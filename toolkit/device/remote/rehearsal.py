"""A connection on which nothing happens: what would be done is kept, as commands to type."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from toolkit.device.remote.link import Done


class Rehearsal:
    """Stands for a ``Link`` in a dry run. Every command ends well and says nothing; no file comes back.

    Args:
        name: of the device.
        home: as ``Link.home``.
        shell: the words in front of a shell's line that the device is to run.
        copy_there: from (local, remote) to the words that copy a file or folder there.
        copy_here: from (remote, local) to the words that copy a file from there.
    """

    def __init__(
        self,
        name: str,
        home: str,
        shell: Sequence[str],
        copy_there: Callable[[str, str], Sequence[str]],
        copy_here: Callable[[str, str], Sequence[str]],
    ) -> None:
        self.name, self.home, self.commands = name, home, list[str]()
        self._shell, self._copy_there, self._copy_here = shell, copy_there, copy_here

    def run(self, command: str, timeout_s: float) -> Done:
        """Keep what would run a shell's line there."""
        self.commands.append(shlex.join([*self._shell, command]))
        return Done(0, "", "")

    def put(self, local: Path, remote: str, timeout_s: float) -> None:
        """Keep what would copy a file or a folder there."""
        self.commands.append(shlex.join(self._copy_there(str(local), remote)))

    def get(self, remote: str, local: Path, timeout_s: float) -> None:
        """Keep what would copy a file from there."""
        self.commands.append(shlex.join(self._copy_here(remote, local.name)))

    def close(self) -> None:
        """There is nothing to end."""
