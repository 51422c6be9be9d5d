"""Count basic blocks under Unicorn."""

from __future__ import annotations

from typing import Any

import unicorn

from toolkit.device.elf import Elf
from toolkit.device.emulators import lengths
from toolkit.device.profile import Landmarks, Profile, collect


class BlockCounter:
    """Counts the basic blocks that run between entering and leaving the model, by layer."""

    def __init__(self, uc: Any, elf: Elf, marks: Landmarks) -> None:
        self._marks = marks
        self._machine, self._uc = elf.machine, uc
        self._inside = False
        self._inferences = 0
        self._layer: str | None = None
        # (layer, address, bytes) -> [count, jumped]
        self._counts: dict[tuple[str | None, int, int], list[int]] = {}
        self._previous = [0, 0]
        self._behind = 0  # the address behind the previous block
        uc.hook_add(unicorn.UC_HOOK_BLOCK, self._on_block)

    def _on_block(self, _uc: Any, address: int, size: int, _data: Any) -> None:
        marks = self._marks
        if not self._inside:
            if address != marks.entry:
                return
            self._inside = True
            self._inferences += 1
        elif address != self._behind:
            self._previous[1] += 1
        if address in marks.caller:
            self._inside = False
            return
        if address in marks.layers:
            self._layer = marks.layers[address]
        elif address in marks.body:
            self._layer = None
        key = self._layer, address, size
        entry = self._counts.get(key)
        if entry is None:
            entry = self._counts[key] = [0, 0]
        entry[0] += 1
        self._previous = entry
        self._behind = address + size

    def profile(self) -> Profile:
        """Return the histogram."""
        return collect(
            (
                (layer, address, lengths.count(self._machine, self._code(address, size)), size, count, jumped)
                for (layer, address, size), (count, jumped) in self._counts.items()
            ),
            self._inferences,
        )

    def _code(self, address: int, size: int) -> bytes:
        return bytes(self._uc.mem_read(address, size))
