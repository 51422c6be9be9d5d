"""The serial firmware as a program of this machine, with sanitizers, and a line to it that is a pair of pipes."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import termios
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.device import learner
from tests.runtime.c_compiler import C99, STRICT, compiler
from toolkit.device import firmware, targets
from toolkit.device.build import read_manifest

SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1")


def sanitized(folder: Path) -> Path:
    """Build firmware of the learner that stops at the first wrong access, into ``folder``; return the program."""
    bundle = learner.make(folder / "bundle", "host")
    made, manifest = bundle / "fuzz", read_manifest(bundle)
    made.mkdir()
    texts = firmware.serial_files(targets.load("host"), manifest, (bundle / "model.c").read_text("utf-8"))
    for name, text in texts.items():
        (made / name).write_text(text, encoding="utf-8")
    includes = (f"-I{bundle}", f"-I{bundle / 'runtime'}", f"-I{made}")
    strict = [flag for flag in STRICT if flag != "-pedantic"]  # __attribute__ and __asm
    gcc = compiler("host", "gcc")
    gcc(*C99, *strict, *SANITIZE, *includes, made / "main.c", "-c", "-o", made / "main.o")
    sources = (made / "main.o", made / "serial.c", bundle / "model.c")
    gcc(*C99, *SANITIZE, *includes, *sources, "-o", made / "board")
    return made / "board"


class HostBoard:
    """A program that is a board: what is written to the line is its standard input, what it says its output.

    It is a ``Line`` for a ``SerialLink``; ``reset`` starts the program anew, and all that it knew is lost.
    """

    def __init__(self, program: Path) -> None:
        self.program = program
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._process.kill()
        self._process.wait()
        for end in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert end is not None
            end.close()

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        return int(struct.unpack("i", fcntl.ioctl(self._output, termios.FIONREAD, b"\0" * 4))[0])

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes that come within some milliseconds."""
        if not select.select([self._output], [], [], 0.01)[0]:
            return b""
        data = os.read(self._output, max(size, self.in_waiting))
        if not data:
            assert self._process.stderr is not None
            raise AssertionError(f"the board has ended: {self._process.stderr.read().decode()[-4000:]}")
        return data

    def write(self, data: bytes) -> int:
        """Send."""
        return os.write(self._input, data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Hang up; the board stays."""

    def reset(self) -> None:
        """Cut the power and switch on again."""
        self.__exit__(None, None, None)
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
