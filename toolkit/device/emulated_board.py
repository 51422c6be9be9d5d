"""Emulated boards that stay up and are spoken to over a serial line, as real ones are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from toolkit import atomic
from toolkit.device import elf
from toolkit.device.build import Image
from toolkit.device.profile import Profile
from toolkit.device.targets import Target
from toolkit.errors import ToolkitError


class Board(Protocol):
    """A board that runs. ``url`` is its serial line, for pyserial's ``serial_for_url``."""

    url: str

    def reset(self) -> None:
        """Cut the power, whatever the board is doing, and switch it on again: RAM is lost, flash is not."""

    def profiles(self) -> dict[str, Profile]:
        """Return what was counted since the last reset by the model's entry, ``run`` or ``predict``."""

    def failure(self) -> ToolkitError | None:
        """Return why the board no longer runs, or None while it does."""

    def close(self) -> None:
        """Switch off for good."""


_QEMU_FLASH = ("memory", "nrf")  # the drivers whose flash QEMU's boards have, and can be written


def keeps(target: Target, emulator: str) -> bool:
    """Return whether what a model learns survives a reset of ``target`` on ``emulator``."""
    return target.store is not None and (emulator != "qemu" or target.store.driver in _QEMU_FLASH)


@contextmanager
def running(
    image: Image,
    target: Target,
    *,
    emulator: str | None = None,
    counting: bool = False,
    as_chip: bool = False,
) -> Iterator[Board]:
    """Yield a board on which ``image``, built with ``serial=True``, runs.

    Args:
        image: of ``toolkit.device.build.build``.
        target: what it was built for; one with ``[serial]``.
        emulator: ``unicorn`` needs nothing installed; ``qemu``, ``simavr``. The target's first one by default.
        counting: count what each entry of the model executes; under Unicorn only, and slower.
        as_chip: do not let the firmware know that it is emulated. Its times are then taken for measured ones, so this
            is for trying out what measures chips.

    Raises:
        ToolkitError: the target has no serial port or no such emulator, or it is not installed.
    """
    name = emulator or target.default_emulator
    served = target.serial is not None and target.bare_metal
    if not served or name not in target.emulators or name not in ("unicorn", "qemu", "simavr"):
        raise ToolkitError(
            f"{target.name} cannot be emulated with a serial line by {name!r}",
            fix="use --target mps2-an386 with unicorn or qemu",
        )
    if counting and name != "unicorn":
        raise ToolkitError(f"boards of {name} count nothing", fix="use the emulator unicorn")
    program = elf.read(image.path if as_chip else _told(image))
    board: Board
    if name == "qemu":
        from toolkit.device.emulators.qemu_board import QemuBoard

        board = QemuBoard(program, target)
    elif name == "simavr":
        from toolkit.device.emulators.simavr_board import SimavrBoard

        board = SimavrBoard(program, target)
    else:
        from toolkit.device.emulators.unicorn_board import UnicornBoard

        board = UnicornBoard(program, target, image.prefix, counting)
    try:
        yield board
    finally:
        board.close()


def _told(image: Image) -> Path:
    """Write the image again, beside itself, with the byte set by which firmware says that it is emulated."""
    copy, content = image.path.with_name("emulated.elf"), elf.with_byte(image.path, "tk_emulated", 1)
    if not copy.exists() or copy.read_bytes() != content:  # it may be in use
        atomic.write_bytes(copy, content)
    return copy
