"""USB Flashing Format: what is copied onto the volume that a boot loader shows (github.com/microsoft/uf2, README)."""

from __future__ import annotations

import struct

from toolkit.device.elf import Elf
from toolkit.device.images.flat import flatten
from toolkit.device.target import Target

BLOCK_BYTES = 512
PAYLOAD_BYTES = 256
_FIRST, _SECOND, _LAST = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_HAS_FAMILY = 0x2000


def encode(image: Elf, target: Target) -> bytes:
    """Return one block for each 256 bytes of flash, all of them, aligned: boot loaders write whole pages."""
    assert target.image is not None
    assert target.image.uf2_family is not None
    start, content = flatten(image)
    before = start % PAYLOAD_BYTES
    content = b"\xff" * before + content
    content += b"\xff" * (-len(content) % PAYLOAD_BYTES)
    start -= before
    count = len(content) // PAYLOAD_BYTES
    blocks = []
    for number in range(count):
        at = number * PAYLOAD_BYTES
        header = struct.pack("<8I", _FIRST, _SECOND, _HAS_FAMILY, start + at, PAYLOAD_BYTES, number, count,
                             target.image.uf2_family)  # fmt: skip
        block = header + content[at : at + PAYLOAD_BYTES]
        blocks.append(block.ljust(BLOCK_BYTES - 4, b"\0") + struct.pack("<I", _LAST))
    return b"".join(blocks)
