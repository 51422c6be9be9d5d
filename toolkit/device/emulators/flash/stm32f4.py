"""The flash interface of ST's STM32F4, after RM0090, chapter 3."""

from __future__ import annotations

from toolkit.device.emulators.flash.stm32 import CACHE_ON, Stm32Flash

WIDTH_ERROR, SEQUENCE_ERROR, PROGRAM = 1 << 6, 1 << 7, 1 << 0
LARGE = 0x2_0000  # of all sectors behind the first 128 KB, which are four of 16 KB and one of 64


class Stm32f4Flash(Stm32Flash):
    """Sectors are erased by their numbers, words of PSIZE are programmed; the data cache keeps what was erased."""

    register_bytes = 0x14
    key, status, clear, control_register = 0x04, 0x0C, 0x0C, 0x10
    erases, begin, lock, busy_bit, errors = 1 << 1, 1 << 16, 1 << 31, 1 << 16, 0xF2
    has_cache = True

    def erase_chosen(self, control: int) -> None:
        """Erase the sector of the number SNB."""
        number = control >> 3 & 15
        if number > 4:
            assert self.target.flash is not None
            self.erase(self.target.flash.origin + (number - 4) * LARGE, LARGE)
            self._cached = self.access() & CACHE_ON != 0
        else:
            self.fault(f"it erases sector {number}, where the program is")

    def write(self, address: int, size: int, value: int) -> None:
        """What does not suit PG and PSIZE is an error that SR tells, and has no effect."""
        if self._control & self.lock or not self._control & PROGRAM:
            self._status |= SEQUENCE_ERROR
        elif size != 1 << (self._control >> 8 & 3) or address % size:
            self._status |= WIDTH_ERROR
        elif not self._status & self.errors:
            if self.busy > 1:
                self.fault("it does not wait for the flash interface")
            self.put(address, self.programmed(address, value.to_bytes(size, "little")))
