"""Does an image fit its target, and if not, which target does it fit?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from toolkit.device import elf, linker, targets
from toolkit.device.targets import Target
from toolkit.errors import CHECK_FAILED, ToolkitError

_OVERFLOW = re.compile(r"region\s+[`'\"]?(FLASH|RAM)['\"]?\s+overflowed|will not fit in region")
_LENGTH = re.compile(r"LENGTH = 0x[0-9a-f]+")
_ENDLESS = 0x1000_0000


@dataclass(frozen=True)
class Sizes:
    """What an image takes of flash and RAM, in bytes; RAM includes the stack. Slots for what it learns come on top."""

    flash_bytes: int
    ram_bytes: int
    slots_bytes: int = 0

    @property
    def all_flash_bytes(self) -> int:
        """What is flashed, and what is left free for slots."""
        return self.flash_bytes + self.slots_bytes


def overflowed(linker_output: str) -> bool:
    """Return True when the linker's message says that a memory region is too small."""
    return bool(_OVERFLOW.search(linker_output))


def widened(script: str) -> str:
    """Return a linker script with room for anything; what it links is measured, never run."""
    return _LENGTH.sub(f"LENGTH = {_ENDLESS:#x}", script)


def sizes(image: Path) -> Sizes:
    """Return what an ELF takes of flash and RAM."""
    read = elf.read(image)
    return Sizes(
        flash_bytes=sum(section.size for section in read.sections if section.in_flash),
        ram_bytes=sum(section.size for section in read.sections if section.in_ram),
        slots_bytes=linker.slots_region(read).bytes,
    )


def nearest(needed: Sizes, kernels: str = "portable") -> Target | None:
    """Return a microcontroller that holds ``needed`` and runs ``kernels``, None if there is none.

    A board is taken before a family, then the least flash, then the least RAM.
    """

    def size(target: Target) -> tuple[bool, int, int]:
        flash, ram = target.regions()
        return target.family == target.name, flash.bytes, ram.bytes

    known = (target for target in map(targets.load, targets.names()) if target.compilers)
    fitting = [target for target in known if _fits(needed, target, kernels)]
    return min(fitting, key=size, default=None)


def _fits(needed: Sizes, target: Target, kernels: str) -> bool:
    if not target.bare_metal or kernels not in ("portable", target.kernels):
        return False
    flash, ram = target.regions()
    return needed.all_flash_bytes <= flash.bytes and needed.ram_bytes <= ram.bytes


def refusal(target: Target, needed: Sizes, bundle: Path) -> ToolkitError:
    """Return the error that says what does not fit, by how much, and where it would."""
    flash, ram = target.regions()
    slots = f", {needed.slots_bytes:,} of them to keep what it learns," if needed.slots_bytes else ""
    over = [
        f"{need:,} of {have:,} bytes of {kind}{slots if kind == 'flash' else ''}"
        for kind, need, have in (
            ("flash", needed.all_flash_bytes, flash.bytes),
            ("RAM", needed.ram_bytes, ram.bytes),
        )
        if need > have
    ]
    other = nearest(needed, target.kernels) or nearest(needed)  # with other kernels it takes about as much
    if other is not None:
        fix = f"use a smaller model, or --target {other.name} ({other.description})"
    else:
        hosted = [name for name in targets.names() if not targets.load(name).bare_metal]
        fix = f"use a smaller model, or --target {' or '.join(hosted)}: no microcontroller here has that much memory"
    return ToolkitError(
        f"the model does not fit {target.name}: it needs {' and '.join(over)}", at=str(bundle), fix=fix,
        exit_code=CHECK_FAILED,
    )  # fmt: skip
