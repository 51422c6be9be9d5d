"""The NVMCTRL of Microchip's SAM D21, after its data sheet DS40001882, chapter 22."""

from __future__ import annotations

from toolkit.device.emulators.flash.base import ControlledFlash

CONTROL_A, CONTROL_B, FLAGS, STATUS, ADDRESS = 0x00, 0x04, 0x14, 0x18, 0x1C
KEY, ERASE_ROW, WRITE_PAGE, CLEAR_BUFFER, FORGET_CACHE = 0xA5, 0x02, 0x04, 0x44, 0x46
READY, PROGRAM_ERROR, MANUAL = 1, 1 << 2, 1 << 7
PAGE_BYTES = 64
WRITES = 8  # of a row between two erases


class Samd21Flash(ControlledFlash):
    """Writes to flash fill the buffer of a page; commands write it to the page at ADDR and erase rows."""

    register_bytes = 0x20

    def attach(self) -> None:
        self._buffer = bytearray(b"\0" * PAGE_BYTES)  # holds anything until it is cleared
        self._status = self._address = 0
        self._manual = self._cached = False
        self._writes: dict[int, int] = {}
        super().attach()

    def register(self, offset: int) -> int | None:
        """INTFLAG says whether it is ready."""
        ready = READY if offset == FLAGS and not self.is_busy() else 0
        return {FLAGS: ready, STATUS: self._status, CONTROL_B: MANUAL * self._manual}.get(offset, 0)

    def control(self, offset: int, value: int) -> None:
        """A command needs its key, and must wait until the last one is done."""
        if offset == STATUS:
            self._status &= ~value
        elif offset == ADDRESS:
            self._address = 2 * value
        elif offset == CONTROL_B:
            self._manual = bool(value & MANUAL)
        elif offset == CONTROL_A:
            if self.busy > 1:
                self.fault("it does not wait for the NVMCTRL")
            self._command(value if value >> 8 == KEY else 0)

    def _command(self, value: int) -> None:
        row = self._address // self.store.page_bytes * self.store.page_bytes
        match value & 0x7F:
            case command if command == ERASE_ROW:
                self.erase(row, self.store.page_bytes)
                self._writes[row] = 0
                self._cached = True
            case command if command == WRITE_PAGE:
                self._write_page(row)
            case command if command == CLEAR_BUFFER:
                self._buffer[:] = b"\xff" * PAGE_BYTES
            case command if command == FORGET_CACHE:
                self._cached = False
            case _:
                self._status |= PROGRAM_ERROR

    def _write_page(self, row: int) -> None:
        self._writes[row] = self._writes.get(row, 0) + 1
        if self._writes[row] > WRITES:
            self.fault(f"it writes to the row at {row:#010x} more than {WRITES} times")
        page = self._address // PAGE_BYTES * PAGE_BYTES
        if self.slots.origin <= page < self.slots.end:
            self.poke(page, self.programmed(page, bytes(self._buffer)))
            self._buffer[:] = b"\xff" * PAGE_BYTES
            self._cached = True
        else:
            self.fault(f"it writes the page at {page:#010x}, which is no slot")

    def write(self, address: int, size: int, value: int) -> None:
        """Halves and words fill the buffer; without MANW a full one writes itself, somewhere."""
        if size == 1:
            self.fault("it writes a byte to the page buffer")
        elif not self._manual:
            self.fault("MANW is off: what fills the buffer writes it")
        at = address % PAGE_BYTES
        held = int.from_bytes(self._buffer[at : at + size], "little")
        self._buffer[at : at + size] = (held & value).to_bytes(size, "little")
        self._address = address

    def looked_at(self, address: int, size: int) -> None:
        """The cache still has what was there before."""
        if self._cached:
            self.fault("it reads what was changed, and the cache was not emptied")
