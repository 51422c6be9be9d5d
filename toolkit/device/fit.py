"""Does an image fit its target, and if not, which target does it fit?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from toolkit.device import elf, targets
from toolkit.device.targets import Target
from toolkit.errors import CHECK_FAILED, ToolkitError

_OVERFLOW = re.compile(r"region\s+[`'\"]?(FLASH|RAM)['\"]?\s+overflowed|will not fit in region")
_LENGTH = re.compile(r"LENGTH = 0x[0-9a-f]+")
_ENDLESS = 0x1000_0000


@dataclass(frozen=True)
class Sizes:
    """What an image takes of flash and RAM, in bytes; RAM includes the stack."""

    flash_bytes: int
    ram_bytes: int


def overflowed(linker_output: str) -> bool:
    """Return True when the linker's message says that a memory region is too small."""
    return bool(_OVERFLOW.search(linker_output))


def widened(script: str, target: Target) -> str:
    """Return a linker script with room for anything; what it links is measured, never run."""
    assert target.flash and target.ram
    return _LENGTH.sub(f"LENGTH = {_ENDLESS:#x}", script)


def sizes(image: Path) -> Sizes:
    """Return what an ELF takes of flash and RAM."""
    sections = elf.read(image).sections
    return Sizes(
        flash_bytes=sum(section.size for section in sections if section.in_flash),
        ram_bytes=sum(section.size for section in sections if section.in_ram),
    )


def nearest(needed: Sizes, kernels: str) -> Target | None:
    """Return the target with the least flash, then RAM, that holds ``needed`` and runs the same kernels."""
    fitting = [
        target
        for target in map(targets.load, targets.names())
        if target.flash
        and target.ram
        and target.flash.bytes >= needed.flash_bytes
        and target.ram.bytes >= needed.ram_bytes
        and (kernels == "portable" or target.kernels == kernels)
    ]
    return min(fitting, key=lambda t: (t.flash.bytes, t.ram.bytes, t.name), default=None)  # type: ignore[union-attr]


def refusal(target: Target, needed: Sizes, bundle: Path) -> ToolkitError:
    """Return the error that says what does not fit, by how much, and where it would."""
    assert target.flash and target.ram
    over = [
        f"{need:,} of {have:,} bytes of {kind}"
        for kind, need, have in (
            ("flash", needed.flash_bytes, target.flash.bytes),
            ("RAM", needed.ram_bytes, target.ram.bytes),
        )
        if need > have
    ]
    other = nearest(needed, target.kernels)
    fix = (
        f"use a smaller model, or --target {other.name} ({other.description})"
        if other
        else "use a smaller model: no target has that much memory"
    )
    return ToolkitError(
        f"the model does not fit {target.name}: it needs {' and '.join(over)}", at=str(bundle), fix=fix,
        exit_code=CHECK_FAILED,
    )  # fmt: skip
