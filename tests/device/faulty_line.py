"""A serial line on which things go wrong, by chance and with a seed."""

from __future__ import annotations

import random
from collections import Counter

from toolkit.device.serial_line import Line


class FaultyLine:
    """``line``, of whose messages, out and back, a share is damaged.

    Args:
        line: what it stands in for.
        share: of messages, from 0 to 1.
        seed: of what goes wrong, and when.

    ``faults`` counts what went wrong, by its name; ``bytes`` all that passed.
    """

    def __init__(self, line: Line, share: float, seed: int) -> None:
        self.line, self.share = line, share
        self.faults: Counter[str] = Counter()
        self.bytes = 0
        self._random = random.Random(seed)

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        return self.line.in_waiting

    def read(self, size: int) -> bytes:
        """Read, and perhaps spoil it."""
        return self._perhaps_spoiled(self.line.read(size))

    def write(self, data: bytes) -> int:
        """Spoil it perhaps, and send it."""
        self.line.write(self._perhaps_spoiled(data))
        return len(data)

    def flush(self) -> None:
        """Wait until all is sent."""
        self.line.flush()

    def close(self) -> None:
        """Let go."""
        self.line.close()

    def _perhaps_spoiled(self, data: bytes) -> bytes:
        self.bytes += len(data)
        if not data or self._random.random() >= self.share:
            return data
        kind = self._random.choice(list(_FAULTS))
        self.faults[kind] += 1
        return _FAULTS[kind](data, self._random)


def _flip(data: bytes, chance: random.Random) -> bytes:
    """One to three bits are turned."""
    wrong = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        wrong[chance.randrange(len(wrong))] ^= 1 << chance.randrange(8)
    return bytes(wrong)


def _drop(data: bytes, chance: random.Random) -> bytes:
    """A byte is lost."""
    at = chance.randrange(len(data))
    return data[:at] + data[at + 1 :]


def _double(data: bytes, chance: random.Random) -> bytes:
    """A byte comes twice."""
    at = chance.randrange(len(data))
    return data[: at + 1] + data[at:]


def _cut_head(data: bytes, chance: random.Random) -> bytes:
    """The first bytes are lost."""
    return data[chance.randint(1, len(data)) :]


def _cut_tail(data: bytes, chance: random.Random) -> bytes:
    """The last bytes are lost."""
    return data[: chance.randrange(len(data))]


def _overrun(data: bytes, chance: random.Random) -> bytes:
    """A stretch in the middle is lost."""
    start, end = sorted((chance.randrange(len(data)), chance.randint(0, len(data))))
    return data[:start] + data[end:]


def _silence(data: bytes, chance: random.Random) -> bytes:
    """Nothing comes."""
    return b""


def _noise(data: bytes, chance: random.Random) -> bytes:
    """Other bytes come in between."""
    at = chance.randint(0, len(data))
    return data[:at] + chance.randbytes(chance.randint(1, 12)) + data[at:]


def _letters(data: bytes, chance: random.Random) -> bytes:
    """Some bytes become other ones that the protocol has."""
    wrong = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        wrong[chance.randrange(len(wrong))] = chance.choice(b"%#:[]-m\r\n0f ")
    return bytes(wrong)


_FAULTS = {
    "flipped bits": _flip,
    "lost byte": _drop,
    "doubled byte": _double,
    "lost beginning": _cut_head,
    "lost end": _cut_tail,
    "overrun": _overrun,
    "silence": _silence,
    "noise": _noise,
    "wrong letters": _letters,
}
