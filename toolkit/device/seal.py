"""The checksum that a boot ROM wants of the code before a program, which only the finished image can say."""

from __future__ import annotations

from pathlib import Path

from elftools.elf.elffile import ELFFile

from toolkit.device.target import Boot
from toolkit.errors import ToolkitError

_SECOND_STAGE_BYTES = 252


def crc32_mpeg2(data: bytes) -> int:
    """Return the CRC-32 that the RP2040 computes: polynomial 0x04C11DB7, the highest bit first, nothing inverted at the
    end (RP2040 data sheet, section 2.8.1.3.1)."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C1_1DB7 if crc >> 31 else 0)) & 0xFFFF_FFFF
    return crc


def seal(file: Path, boot: Boot) -> None:
    """Write the checksum of an RP2040's second stage into the ELF file; other headers have none.

    Raises:
        ToolkitError: the second stage is longer than the boot ROM takes.
    """
    if boot.header != "rp2040":
        return
    with file.open("r+b") as stream:
        section = ELFFile(stream).get_section_by_name(".boot")
        if section is None or section["sh_size"] != _SECOND_STAGE_BYTES + 4:
            raise ToolkitError(
                f".boot must have {_SECOND_STAGE_BYTES + 4} bytes",
                at=str(file),
                fix="[boot] of the target must have bytes = 0x100",
            )
        checksum = crc32_mpeg2(section.data()[:_SECOND_STAGE_BYTES])
        stream.seek(section["sh_offset"] + _SECOND_STAGE_BYTES)
        stream.write(checksum.to_bytes(4, "little"))
