"""The flash interface of ST's STM32F4, after RM0090, chapter 3."""

from __future__ import annotations

from toolkit.device.emulators.flash.base import ControlledFlash

ACR, KEYR, SR, CR = 0x00, 0x04, 0x0C, 0x10
KEYS = [0x4567_0123, 0xCDEF_89AB]
CACHE_ON, CACHE_RESET = 1 << 10, 1 << 12
WIDTH_ERROR, SEQUENCE_ERROR, ERRORS, BUSY = 1 << 6, 1 << 7, 0xF2, 1 << 16
PROGRAM, SECTOR_ERASE, START, LOCK = 1 << 0, 1 << 1, 1 << 16, 1 << 31
LARGE = 0x2_0000  # of all sectors behind the first 128 KB, which are four of 16 KB and one of 64


class Stm32f4Flash(ControlledFlash):
    """Sectors are erased by their numbers, words of PSIZE are programmed; the data cache keeps what was erased."""

    register_bytes = 0x14

    def attach(self) -> None:
        self._control, self._status = LOCK, 0
        self._keys: list[int] = []
        self._cached = False
        super().attach()

    def register(self, offset: int) -> int | None:
        """ACR is memory."""
        busy = BUSY if self.is_busy() and offset == SR else 0
        return {ACR: None, SR: self._status | busy, CR: self._control}.get(offset, 0)

    def control(self, offset: int, value: int) -> None:
        """CR is locked until both keys came; a wrong one locks it until the next reset."""
        if offset == ACR:
            before = int.from_bytes(self.uc.mem_read(self.store.address, 4), "little")
            if value & CACHE_RESET and not (value | before) & CACHE_ON:
                self._cached = False
        elif offset == KEYR:
            self._keys.append(value)
            if self._keys == KEYS:
                self._control &= ~LOCK
        elif offset == SR:
            self._status &= ~value
        elif offset == CR and not self._control & LOCK:
            self._command(value)

    def _command(self, value: int) -> None:
        if self.busy > 1:
            self.fault("it changes FLASH_CR while an operation is under way")
        self._control = value & ~START
        if value & LOCK:
            self._keys = []
        elif value & START and value & SECTOR_ERASE and not self._status & ERRORS:
            number = value >> 3 & 15
            if number > 4:
                assert self.target.flash is not None
                self.erase(self.target.flash.origin + (number - 4) * LARGE, LARGE)
                self._cached = self._access() & CACHE_ON != 0
            else:
                self.fault(f"it erases sector {number}, where the program is")

    def _access(self) -> int:
        return int.from_bytes(self.uc.mem_read(self.store.address + ACR, 4), "little")

    def write(self, address: int, size: int, value: int) -> None:
        """What does not suit PG and PSIZE is an error that SR tells, and has no effect."""
        if self._control & LOCK or not self._control & PROGRAM:
            self._status |= SEQUENCE_ERROR
        elif size != 1 << (self._control >> 8 & 3) or address % size:
            self._status |= WIDTH_ERROR
        elif not self._status & ERRORS:
            if self.busy > 1:
                self.fault("it does not wait for the flash interface")
            self.put(address, self.programmed(address, value.to_bytes(size, "little")))

    def looked_at(self, address: int, size: int) -> None:
        """A line of the data cache still has what was there before an erase."""
        if self._cached:
            self.fault("it reads what was erased, and the data cache was not emptied")
