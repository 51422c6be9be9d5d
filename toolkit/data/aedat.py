"""Events as cameras of iniLabs record them: AEDAT 3.1, packets of polarity events."""

from __future__ import annotations

import struct

import numpy as np

from toolkit.data.events import Events

_PACKET = struct.Struct(
    "<HHIIIIII"
)  # type, source, size, offset and overflow of time, capacity, number, valid
_POLARITY, _EVENT_BYTES = 1, 8
_LONGEST_HEADER = 64 * 1024


def read_aedat(data: bytes) -> Events:
    """Return the valid polarity events of a file; packets of other kinds are passed over.

    Raises:
        ValueError: it is no AEDAT 3.1 file, or is cut off.
    """
    if not data.startswith(b"#!AER-DAT3.1"):
        raise ValueError("it does not begin with #!AER-DAT3.1")
    place = _after_header(data)
    words = []
    while place < len(data):
        if place + _PACKET.size > len(data):
            raise ValueError(f"a packet's header is cut off at byte {place}")
        kind, _, size, offset, overflow, _, number, _ = _PACKET.unpack_from(data, place)
        place += _PACKET.size
        if size == 0 or size * number > len(data) - place:
            raise ValueError(f"a packet of {number} events of {size} bytes is cut off at byte {place}")
        if kind == _POLARITY:
            if (size, offset) != (_EVENT_BYTES, 4):
                raise ValueError(f"polarity events of {size} bytes with their time at byte {offset}")
            pairs = np.frombuffer(data, "<u4", 2 * number, place).reshape(-1, 2).astype(np.int64)
            pairs[:, 1] += overflow << 31
            words.append(pairs[(pairs[:, 0] & 1) == 1])
        place += size * number
    word, t = np.concatenate(words).T if words else np.zeros((2, 0), np.int64)
    return Events(t, word >> 17, (word >> 2) & 0x7FFF, (word >> 1) & 1)


def _after_header(data: bytes) -> int:
    place = 0
    while data[place : place + 1] == b"#":
        end = data.find(b"\n", place, _LONGEST_HEADER)
        if end < 0:
            raise ValueError("its header has no end")
        line, place = data[place:end].strip(), end + 1
        if line == b"#!END-HEADER":
            break
    return place
