"""Plain bytes: where they go is not said in the file."""

from __future__ import annotations

from toolkit.device.elf import Elf
from toolkit.device.images.flat import flatten
from toolkit.device.target import Target


def encode(image: Elf, _target: Target) -> bytes:
    """Return everything from the first byte in flash to the last."""
    return flatten(image)[1]
