"""What ST's flash interfaces have in common."""

from __future__ import annotations

from toolkit.device.emulators.flash.base import ControlledFlash

ACR = 0x00
KEYS = [0x4567_0123, 0xCDEF_89AB]
CACHE_ON, CACHE_RESET = 1 << 10, 1 << 12


class Stm32Flash(ControlledFlash):
    """A control register that two keys unlock, which starts erases; perhaps a data cache that must be emptied.

    Offsets of registers: ``key``, ``status``, ``clear`` (whose ones clear the status), ``control_register``.
    Bits of the control register: ``lock``, ``begin``, ``erases``; of the status: ``busy_bit``, and ``errors``, beside
    which nothing is erased.
    """

    key: int
    status: int
    clear: int
    control_register: int
    lock: int
    begin: int
    erases: int
    busy_bit: int
    errors = 0
    has_cache = False

    def attach(self) -> None:
        self._control, self._status = self.lock, 0
        self._keys: list[int] = []
        self._cached = False
        super().attach()

    def register(self, offset: int) -> int | None:
        """ACR is memory."""
        busy = self.busy_bit if self.is_busy() and offset == self.status else 0
        return {ACR: None, self.status: self._status | busy, self.control_register: self._control}.get(
            offset, 0
        )

    def control(self, offset: int, value: int) -> None:
        """CR is locked until both keys came; a wrong one locks it until the next reset."""
        if offset == ACR and self.has_cache:
            if value & CACHE_RESET and not (value | self.access()) & CACHE_ON:
                self._cached = False
        elif offset == self.key:
            self._keys.append(value)
            if self._keys == KEYS:
                self._control &= ~self.lock
        elif offset == self.clear:
            self._status &= ~value
        elif offset == self.control_register and not self._control & self.lock:
            self._command(value)

    def _command(self, value: int) -> None:
        if self.busy > 1:
            self.fault("it changes the flash's control register while an operation is under way")
        self._control = value & ~self.begin
        if value & self.lock:
            self._keys = []
        elif value & self.begin and value & self.erases and not self._status & self.errors:
            self.erase_chosen(value)

    def erase_chosen(self, control: int) -> None:
        """Erase what the control register, or another, names."""
        raise NotImplementedError

    def access(self) -> int:
        """Return what ACR holds."""
        return int.from_bytes(self.uc.mem_read(self.store.address + ACR, 4), "little")

    def looked_at(self, address: int, size: int) -> None:
        """A line of the data cache still has what was there before an erase."""
        if self._cached:
            self.fault("it reads what was erased, and the data cache was not emptied")
        super().looked_at(address, size)
