"""Intel HEX (Hexadecimal Object File Format Specification, revision A, 1988), as programmers take it."""

from __future__ import annotations

from toolkit.device.elf import Elf
from toolkit.device.target import Target

_RECORD_BYTES = 16
_DATA, _END, _UPPER_ADDRESS, _START = 0, 1, 4, 5


def encode(image: Elf, _target: Target) -> bytes:
    """Return the bytes of all segments, none twice, and the entry."""
    lines = []
    upper = -1
    for segment in sorted(image.segments, key=lambda segment: segment.address):
        at, end = segment.address, segment.address + len(segment.data)
        while at < end:
            if at >> 16 != upper:
                upper = at >> 16
                lines.append(_record(0, _UPPER_ADDRESS, upper.to_bytes(2, "big")))
            stop = min(end, at + _RECORD_BYTES - at % _RECORD_BYTES)  # no record crosses 64 KB
            data = segment.data[at - segment.address : stop - segment.address]
            lines.append(_record(at & 0xFFFF, _DATA, data))
            at = stop
    lines.append(_record(0, _START, image.entry.to_bytes(4, "big")))
    lines.append(_record(0, _END, b""))
    return "".join(line + "\n" for line in lines).encode("ascii")


def _record(address: int, kind: int, data: bytes) -> str:
    content = bytes([len(data)]) + address.to_bytes(2, "big") + bytes([kind]) + data
    return f":{content.hex().upper()}{-sum(content) & 0xFF:02X}"
