"""All bytes that go into flash, as one piece."""

from __future__ import annotations

from toolkit.device.elf import Elf
from toolkit.errors import ToolkitError

_ERASED = b"\xff"
_LIMIT = 1 << 26  # bytes between the first and the last


def flatten(image: Elf) -> tuple[int, bytes]:
    """Return where an image's bytes begin, and all of them; gaps are as erased flash is.

    Raises:
        ToolkitError: there are none, or they lie too far apart to be in one flash.
    """
    segments = sorted(image.segments, key=lambda segment: segment.address)
    if not segments:
        raise ToolkitError("there is nothing to flash in it", at=str(image.path), fix="build it again")
    start = segments[0].address
    end = max(segment.address + len(segment.data) for segment in segments)
    if end - start > _LIMIT:
        raise ToolkitError(
            f"its bytes lie between {start:#x} and {end:#x}, more than one flash has",
            at=str(image.path),
            fix="check [memory] of the target",
        )
    content = bytearray(_ERASED * (end - start))
    for segment in segments:
        content[segment.address - start : segment.address - start + len(segment.data)] = segment.data
    return start, bytes(content)
