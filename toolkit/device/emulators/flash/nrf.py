"""The NVMC of Nordic's nRF51 and nRF52, after nRF52840 Product Specification 4.3."""

from __future__ import annotations

from collections import Counter

from toolkit.device.emulators.flash.base import ControlledFlash

READY, CONFIG, ERASE_PAGE = 0x400, 0x504, 0x508
WRITE, ERASE = 1, 2
WRITES = 2  # of a word between two erases


class NrfFlash(ControlledFlash):
    """Words are written where CONFIG allows it, pages are erased by their addresses."""

    register_bytes = 0x510

    def attach(self) -> None:
        self._access = 0
        self._writes: Counter[int] = Counter()
        super().attach()

    def register(self, offset: int) -> int | None:
        """READY is 0 for some time after a write or an erase."""
        return {READY: int(not self.is_busy()), CONFIG: self._access}.get(offset, 0)

    def control(self, offset: int, value: int) -> None:
        """CONFIG and ERASEPAGE must wait for READY; without CONFIG an erase has no effect."""
        if self.busy > 1:
            self.fault("it does not wait for the NVMC")
        elif offset == CONFIG:
            self._access = value & 3
        elif offset == ERASE_PAGE and self._access == ERASE:
            size = self.store.page_bytes
            self.erase(value, size)
            for word in range(value, value + size, 4):
                del self._writes[word]

    def write(self, address: int, size: int, value: int) -> None:
        """Only whole words, and only where CONFIG allows it: all else is a hard fault."""
        if size != 4 or address % 4:
            self.fault(f"it writes {size} bytes to flash at {address:#010x}: the NVMC takes words")
        elif self._access != WRITE:
            self.fault("it writes to flash, and CONFIG does not allow it")
        elif self.busy > 1:
            self.fault("it does not wait for the NVMC")
        else:
            self._writes[address] += 1
            if self._writes[address] > WRITES:
                self.fault(f"it writes the word at {address:#010x} more than {WRITES} times")
            self.put(address, self.programmed(address, value.to_bytes(4, "little")))
