"""The flash controller of TI's Stellaris, after the LM3S6965 data sheet, chapter 7."""

from __future__ import annotations

from toolkit.device.emulators.flash.base import PAGE, ControlledFlash

ADDRESS, DATA, COMMAND = 0x00, 0x04, 0x08
KEY, WRITE, ERASE = 0xA442, 1 << 0, 1 << 1
USECRL = 0x400F_E140


class StellarisFlash(ControlledFlash):
    """FMC takes commands with a key, and holds them until they are done; FMA and FMD say where and what."""

    register_bytes = 0x20

    def attach(self) -> None:
        self._address = self._data = self._command = 0
        super().attach()
        page = USECRL // PAGE * PAGE
        if not any(start <= page <= last for start, last, _ in self.uc.mem_regions()):
            self.uc.mem_map(page, PAGE)

    def register(self, offset: int) -> int | None:
        """FMC shows a command while it works."""
        if offset == COMMAND:
            return self._command if self.is_busy() else 0
        return {ADDRESS: self._address, DATA: self._data}.get(offset, 0)

    def control(self, offset: int, value: int) -> None:
        """A command without its key is ignored; its times come from USECRL."""
        if self.busy > 1:
            self.fault("it does not wait for the flash controller")
        elif offset == ADDRESS:
            self._address = value
        elif offset == DATA:
            self._data = value
        elif offset == COMMAND and value >> 16 == KEY:
            self._obey(value & 0xFFFF)

    def _obey(self, command: int) -> None:
        assert self.target.clock_hz is not None
        if int.from_bytes(self.uc.mem_read(USECRL, 4), "little") != self.target.clock_hz // 1_000_000 - 1:
            self.fault("USECRL does not hold the clock: flash would be written too short or too long")
        self._command = command
        if command == ERASE:
            self.erase(self._address // self.store.page_bytes * self.store.page_bytes, self.store.page_bytes)
        elif (
            command == WRITE and self.slots.origin <= self._address < self.slots.end and not self._address % 4
        ):
            self.poke(self._address, self.programmed(self._address, self._data.to_bytes(4, "little")))
        else:
            self.fault(f"it gives the command {command:#x} for {self._address:#010x}, which is no slot")

    def write(self, address: int, size: int, value: int) -> None:
        """Flash is written by registers only."""
        self.fault(f"it writes to flash at {address:#010x}")
