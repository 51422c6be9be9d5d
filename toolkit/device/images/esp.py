"""Espressif's application image, for a chip with ESP-IDF's second-stage boot loader (ESP-IDF Programming Guide, app
image format): flash that the boot loader maps, by code's and by data's addresses."""

from __future__ import annotations

import hashlib
import struct

from toolkit.device.elf import Elf
from toolkit.device.images.flat import flatten
from toolkit.device.target import Target
from toolkit.errors import ToolkitError

_MAGIC, _CHECKSUM = 0xE9, 0xEF
_PAGE = 0x1_0000  # of the flash cache's map: in the file and in memory, addresses are the same modulo this
_CHIP_IDS = {"esp32c3": 5}
_DIO, _4_MB_40_MHZ = 2, 0x20


def encode(image: Elf, target: Target) -> bytes:
    """Return the image: constants first, then code, as ESP-IDF orders them, and a hash of it all."""
    chip = str(target.flashers.get("esptool", {}).get("chip", ""))
    if chip not in _CHIP_IDS or target.data_origin is None or target.flash is None:
        raise ToolkitError(
            f"there is no application image for {target.name}",
            at=str(target.folder / "target.toml"),
            fix=f"set chip in [flashers.esptool] to one of {', '.join(_CHIP_IDS)}, and data_origin in [memory.flash]",
        )
    start, content = flatten(image)
    skip = target.flash.origin - start  # what the boot ROM wants of a program without boot loader
    content = content[skip:]
    code_bytes = next(section.size for section in image.sections if section.name == ".text")
    parts = [
        (target.data_origin + code_bytes, content[code_bytes:]),
        (target.flash.origin, content[:code_bytes]),
    ]
    body = bytearray()
    checksum, count, header_bytes = _CHECKSUM, 0, 24
    for address, data in parts:
        data += b"\0" * (-len(data) % 4)
        gap = (address - (header_bytes + len(body) + 8)) % _PAGE
        if gap:  # a segment that nobody loads
            body += struct.pack("<II", 0, (gap - 8) % _PAGE) + b"\0" * ((gap - 8) % _PAGE)
            count += 1
        body += struct.pack("<II", address, len(data)) + data
        count += 1
        for byte in data:
            checksum ^= byte
    header = struct.pack("<BBBBI", _MAGIC, count, _DIO, _4_MB_40_MHZ, image.entry)
    # no pin for write protection, default drive, chip, oldest and newest revision, a hash follows
    header += struct.pack("<B3sHBHH4sB", 0xEE, b"", _CHIP_IDS[chip], 0, 0, 0xFFFF, b"", 1)
    whole = header + bytes(body)
    whole += b"\0" * (15 - len(whole) % 16) + bytes([checksum])
    return whole + hashlib.sha256(whole).digest()
