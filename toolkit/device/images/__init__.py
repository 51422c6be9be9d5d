"""The files that a board is flashed with, made from an ELF file: one module for each format."""

from __future__ import annotations

import importlib
from pathlib import Path

from toolkit import atomic
from toolkit.device import elf
from toolkit.device.build import Image
from toolkit.device.target import Target

__all__ = ["make"]


def make(image: Image, target: Target) -> dict[str, Path]:
    """Write ``image`` in every format that ``target`` wants, beside the ELF, and return the files by format.

    The first one is what the board is flashed with. Empty for a target that has no ``[image]``.

    Raises:
        ToolkitError: the file is no ELF file, or cannot be said in a format (2).
    """
    if target.image is None or image.kind != "bare_metal":
        return {}
    parts = elf.read(image.path)
    made = {}
    for name in target.image.formats:
        file = image.path.with_suffix(f".{name}")
        if name != "elf":
            content: bytes = importlib.import_module(f"toolkit.device.images.{name}").encode(parts, target)
            atomic.write_bytes(file, content)
        made[name] = file
    return made
