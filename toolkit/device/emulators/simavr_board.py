"""A board on simavr that stays up, its serial port on a TCP line of this machine."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from pathlib import Path

from toolkit.device.elf import Elf
from toolkit.device.emulators import base, simavr
from toolkit.device.profile import Profile
from toolkit.device.targets import Target
from toolkit.errors import DEVICE, ToolkitError

SOURCE = Path(__file__).with_name("simavr_line.c")
_STOP_S = 10.0


class SimavrBoard:
    """One firmware running on an emulated AVR until it is closed. ``url`` is its serial line; nothing is counted."""

    def __init__(self, elf: Elf, target: Target) -> None:
        config = target.emulators["simavr"]
        program = simavr.runner(SOURCE, config.package)
        self._elf, self._target = elf, target
        self._folder = tempfile.TemporaryDirectory(prefix="toolkit-simavr-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        (folder / "flash.bin").write_bytes(simavr.flash(elf))
        self._said = (folder / "stderr").open("w", encoding="utf-8")
        command = [str(program), config.cpu, str(target.clock_hz), str(simavr.stack_limit(elf))]
        if target.mark is not None:
            command += [str(target.mark.high.address), str(target.mark.high.mask)]
        self._process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()  # the first thing it does; empty when it has ended
        if not port:
            self._process.wait(_STOP_S)
            failure = self.failure() or ToolkitError("simavr says no port", exit_code=DEVICE)
            self.close()
            raise failure
        self.url = f"socket://127.0.0.1:{int(port)}"

    def cut_power(self, instructions: int) -> None:
        """Reset so many instructions after the next byte that the board gets."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"p" + instructions.to_bytes(4, "little"))
        self._process.stdin.flush()

    def wait_for_cut(self) -> None:
        """Return when the power has failed."""
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def reset(self) -> None:
        """Reset the board, whatever it is doing; what was in RAM is lost."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended: ``failure`` says why
            self._process.stdin.write(b"r")
            self._process.stdin.flush()

    def close(self) -> None:
        """Switch off for good."""
        self._process.kill()
        self._process.wait()
        for end in (self._process.stdin, self._process.stdout, self._said):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.close()
        self._folder.cleanup()

    def profiles(self) -> dict[str, Profile]:
        """Return nothing: what runs to its end is counted, see ``simavr.run``."""
        return {}

    def marks(self) -> list[int]:
        """Return the levels that the marking pin was set to, each one that was another than the one before."""
        return list((Path(self._folder.name) / "marks.bin").read_bytes())

    def failure(self) -> ToolkitError | None:
        """Return why the board no longer runs, or None while it does."""
        if self._process.poll() is None:
            return None
        said = (Path(self._folder.name) / "stderr").read_text(encoding="utf-8")
        job = base.Job(self._elf.path, self._target, b"", False, 0)
        return simavr.failure(said, job) or ToolkitError("simavr has ended", exit_code=DEVICE)
