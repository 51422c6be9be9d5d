"""What flash with error correction has in common: units that are programmed once, and may be damaged."""

from __future__ import annotations

from toolkit.device.emulators.flash.base import ControlledFlash


class EccFlash(ControlledFlash):
    """A loss of power leaves units, ``damaged``, whose reading is an error that cannot be corrected."""

    unit_bytes: int

    def attach(self) -> None:
        self._unit: dict[int, bytes] = {}  # words that have come, by address
        self.damage_read = 0
        super().attach()

    def erase(self, address: int, size: int) -> None:
        """Erase a page; one that was not erased whole may be damaged anywhere."""
        units = range(address, address + size, self.unit_bytes)
        self.damaged.update(units if self.power is not None and self.power < 2 else ())
        super().erase(address, size)
        if not self.off:
            self.damaged.difference_update(units)

    def collect(self, address: int, data: bytes) -> int:
        """Take a word of a unit, and program that when it is whole; return 1 where that is an error."""
        start = address // self.unit_bytes * self.unit_bytes
        if self._unit and next(iter(self._unit)) // self.unit_bytes * self.unit_bytes != start:
            return 1
        self._unit[address] = data
        if len(self._unit) * 4 < self.unit_bytes:
            return 0
        new = b"".join(self._unit[word] for word in sorted(self._unit))
        self._unit.clear()
        old = self.peek(start, self.unit_bytes)
        if old != b"\xff" * self.unit_bytes or start in self.damaged:
            return 1
        before = self.steps
        written = self.programmed(start, new)
        if self.off and self.steps > before:
            self.damaged.add(start)
        self.put(start, written)
        return 0

    def looked_at(self, address: int, size: int) -> None:
        """Damage is told when it is read."""
        if address // self.unit_bytes * self.unit_bytes in self.damaged:
            self.damage_read += 1
            self.uncorrectable(address)

    def uncorrectable(self, address: int) -> None:
        """The core reads what is damaged."""
        raise NotImplementedError
