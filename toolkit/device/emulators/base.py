"""What every emulator is given and gives back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from toolkit.device import elf
from toolkit.device.elf import Elf
from toolkit.device.profile import Profile
from toolkit.device.targets import Region, Target
from toolkit.errors import DEVICE, ToolkitError

_POLL_S = 0.05
PAINT = b"\xc5"  # what startup code fills the stack with


@dataclass(frozen=True)
class Job:
    """One run of an image: the files it reads, and what to watch."""

    path: Path
    target: Target
    input: bytes
    profile: bool
    timeout_s: float
    prefix: str = "model"
    on_output: Callable[[bytes], None] | None = (
        None  # given what the image appends to output.bin, while it runs
    )

    @cached_property
    def elf(self) -> Elf:
        """The image's parts; an image for this machine need not be an ELF file."""
        return elf.read(self.path)


@contextmanager
def following(job: Job, folder: Path) -> Iterator[None]:
    """Give a program's output to ``job.on_output`` as it grows, while a process writes it in ``folder``."""
    if job.on_output is None:
        yield
        return
    ended = threading.Event()
    reader = threading.Thread(target=_follow, args=(folder / "output.bin", job.on_output, ended), daemon=True)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()


def _follow(file: Path, on_output: Callable[[bytes], None], ended: threading.Event) -> None:
    done = 0
    while True:
        last = ended.wait(_POLL_S)
        if file.is_file():
            with file.open("rb") as stream:
                stream.seek(done)
                data = stream.read()
            done += len(data)
            if data:
                on_output(data)
        if last:
            return


@dataclass(frozen=True)
class Finished:
    """The files an image left behind, and what was watched."""

    files: dict[str, bytes]
    profile: Profile | None


def where(image: Elf, address: int) -> str:
    """Return an address with the function that holds it."""
    function = image.function_at(address)
    return f"{address:#010x}" + (f" in {function.name}" if function else "")


def fault(image: Elf, what: str, pc: int | None, fix: str = "") -> ToolkitError:
    """Return the error that the device failed, with the place where it did."""
    at = f"PC {where(image, pc)}" if pc is not None else str(image.path)
    return ToolkitError(what, at=at, fix=fix, exit_code=DEVICE)


def hang(image: Elf, timeout_s: float, pc: int | None) -> ToolkitError:
    """Return the error that the device did not finish in time."""
    return fault(
        image,
        f"the device was still running after {timeout_s:g} s",
        pc,
        "give it more time with --timeout, or fewer samples",
    )


def overflow(target: Target, image: Elf, pc: int | None) -> ToolkitError:
    """Return the error that the stack was too small."""
    return fault(
        image,
        f"the stack overflowed: {target.stack_bytes:,} bytes are too few",
        pc,
        f"raise stack_bytes in {target.folder / 'target.toml'}",
    )


def outside_stack(sp: int, ram: Region) -> bool:
    """Return True when a stack pointer has left the bottom of RAM, where the stack lies."""
    return ram.origin - 0x10_0000 < sp < ram.origin + 64


def untouched(stack: bytes) -> int:
    """Return how many bytes at the bottom of a painted stack were never written."""
    return len(stack) - len(stack.lstrip(PAINT))
