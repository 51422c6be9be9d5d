"""Boards whose boot loader shows a drive: a UF2 file copied to it is written to flash."""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.device import ports
from toolkit.device.flashers.base import Flasher, Job
from toolkit.device.flashers.process import Say
from toolkit.device.ports import Device
from toolkit.device.targets import Target
from toolkit.device.toml import Table
from toolkit.errors import DEVICE, MISSING, USAGE, ToolkitError

_BLOCK = 512
_MAGIC = (0x0A324655, 0x9E5D5157)
_HAS_FAMILY = 0x2000
_TAKEN_S = 10.0  # a boot loader restarts the board within so long after the last block
_AGAIN = "hold BOOTSEL (or press reset twice), wait for the drive, and flash again"


class Uf2(Flasher):
    """``volume``: the ``Board-ID`` in the drive's INFO_UF2.TXT, or how it begins, or the drive's name (``RPI-RP2``)."""

    name = "uf2"
    command = "cp"
    formats = ("uf2",)
    kind = "volume"
    on_linux = "nothing is needed"

    def program(self) -> list[str]:
        """See ``Flasher.program``: copying a file needs no tool."""
        return [self.command]

    def settings(self, table: Table) -> dict[str, Any]:
        """See ``Flasher.settings``."""
        return {"volume": table.text("volume")}

    def find(self, target: Target, settings: Mapping[str, Any], given: str | None) -> Device:
        """See ``Flasher.find``; ``given`` is the drive's folder."""
        if not given:
            return ports.choose("volume", target, board=settings["volume"])
        device = ports.volume(Path(given))
        if device is None:
            raise ToolkitError(
                f"{given} is no drive of a UF2 boot loader: it has no INFO_UF2.TXT",
                fix=_AGAIN,
                exit_code=MISSING,
            )
        if not ports.matches(device, target, settings["volume"]):
            raise ToolkitError(
                f"{given} is the drive of another board: {device.board or 'unknown'}",
                fix=f"flash {target.name} through a drive of {settings['volume']}",
            )
        return device

    def commands(self, job: Job) -> list[list[str]]:
        """See ``Flasher.commands``: what a person would type."""
        assert job.device is not None
        return [[self.command, str(job.file), str(Path(job.device.address) / job.file.name)]]

    def flash(self, job: Job, timeout_s: float, say: Say) -> None:
        """See ``Flasher.flash``. The boot loader checks each block; that it restarts says that it has them all."""
        assert job.device is not None
        check_family(job.file, job.target)
        folder = Path(job.device.address)
        say(f"$ {self.plan(job)[0]}")
        _copy(job.file, folder)
        deadline = time.monotonic() + min(timeout_s, _TAKEN_S)
        while (folder / "INFO_UF2.TXT").exists():
            if time.monotonic() > deadline:
                raise ToolkitError(
                    "the board has the file and does not start it",
                    at=str(folder),
                    fix=f"it may be for another chip or a worn out flash; {_AGAIN}",
                    exit_code=DEVICE,
                )
            time.sleep(0.05)


def check_family(file: Path, target: Target) -> None:
    """Raise ``ToolkitError`` unless ``file`` is UF2 from start to end, and for ``target``'s chip."""
    data = file.read_bytes()
    wanted = target.image.uf2_family if target.image else None
    if not data or len(data) % _BLOCK:
        raise ToolkitError(
            "not a UF2 file: it is no multiple of 512 bytes", at=str(file), fix="build it again"
        )
    for start in range(0, len(data), _BLOCK):
        magic_0, magic_1, flags, _, _, _, _, family = struct.unpack_from("<8I", data, start)
        if (magic_0, magic_1) != _MAGIC:
            raise ToolkitError(
                f"not a UF2 file: block {start // _BLOCK} is none", at=str(file), fix="build it again"
            )
        if flags & _HAS_FAMILY and wanted is not None and family != wanted:
            raise ToolkitError(
                f"the file is for chips of family {family:#010x}, not {wanted:#010x}",
                at=str(file),
                fix=f"build it for {target.name}",
                exit_code=USAGE,
            )


def _copy(file: Path, folder: Path) -> None:
    data, written = file.read_bytes(), 0
    try:
        with (folder / file.name).open("wb", buffering=0) as stream:
            while written < len(data):
                written += stream.write(data[written : written + 64 * _BLOCK])
            os.fsync(stream.fileno())
    except OSError as error:
        if written == len(data) and error.errno not in (errno.ENOSPC, errno.EINVAL):
            return  # the board restarts as soon as it has the last block, and takes the drive away
        raise _copying(error, folder, written, len(data)) from error


def _copying(error: OSError, folder: Path, written: int, size: int) -> ToolkitError:
    if error.errno == errno.ENOSPC:
        return ToolkitError(
            f"the drive {folder} is full",
            fix="use a smaller model, or take files away from it",
            exit_code=DEVICE,
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ToolkitError(
            f"you may not write to {folder}: {error.strerror}", fix="mount it as yourself", exit_code=MISSING
        )
    return ToolkitError(
        f"the drive {folder} went away after {written:,} of {size:,} bytes: {error.strerror}",
        fix=f"check the cable; {_AGAIN}",
        exit_code=DEVICE,
    )


FLASHER = Uf2()
