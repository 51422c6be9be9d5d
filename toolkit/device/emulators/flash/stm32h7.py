"""The flash interface of ST's STM32H743, after RM0433, chapter 4."""

from __future__ import annotations

from typing import Any

import unicorn
from unicorn import arm_const

from toolkit.device.emulators.flash.ecc import EccFlash
from toolkit.device.emulators.flash.stm32 import Stm32Flash

NEXT_BANK, PROGRAM = 0x100, 1 << 1
QUEUED, WAITS, SEQUENCE_ERROR, INCONSISTENT, DAMAGE = 1 << 2, 1 << 1, 1 << 18, 1 << 21, 1 << 26
BANK_BYTES, LINE_BYTES = 0x10_0000, 32
CCR, LET_PASS, FORGET_LINE = 0xE000_ED14, 1 << 8, 0xE000_EF5C


class Stm32h7Flash(Stm32Flash, EccFlash):
    """The second bank: sectors by number, units of eight words, and a data cache that must be told."""

    register_bytes = 0x200
    key, status, clear, control_register = (
        NEXT_BANK + 0x04,
        NEXT_BANK + 0x10,
        NEXT_BANK + 0x14,
        NEXT_BANK + 0x0C,
    )
    lock, erases, begin, busy_bit, errors = 1 << 0, 1 << 2, 1 << 7, QUEUED, 0x07EE_0000
    unit_bytes = 32

    def attach(self) -> None:
        self._lines: set[int] = set()  # in the data cache
        super().attach()
        self.uc.hook_add(unicorn.UC_HOOK_MEM_WRITE, self._forget, None, FORGET_LINE, FORGET_LINE)

    def _forget(self, _uc: Any, _access: int, _address: int, _size: int, value: int, _data: Any) -> None:
        self._lines.discard((value & 0xFFFF_FFFF) // LINE_BYTES * LINE_BYTES)

    def register(self, offset: int) -> int | None:
        """The first bank, where the program is, is left alone."""
        found = super().register(offset) if offset >= NEXT_BANK else 0
        return found | WAITS if offset == self.status and found is not None and self._unit else found

    def control(self, offset: int, value: int) -> None:
        """The first bank, where the program is, is left alone."""
        if offset < NEXT_BANK:
            self.fault("it touches the bank where the program is")
        super().control(offset, value)

    def erase_chosen(self, control: int) -> None:
        """Erase the sector of a number."""
        assert self.target.flash is not None
        size = self.store.page_bytes
        start = self.target.flash.origin + BANK_BYTES + (control >> 8 & 7) * size
        self.erase(start, size)
        self._lines.update(range(start, start + size, LINE_BYTES))

    def write(self, address: int, size: int, value: int) -> None:
        """What does not suit is an error that the status tells, and has no effect."""
        if self._control & self.lock or not self._control & PROGRAM:
            self._status |= SEQUENCE_ERROR
        elif size != 4:
            self._status |= INCONSISTENT
        elif self.busy > 1:
            self.fault("it does not wait for the flash interface")
        elif not self._status & self.errors:
            self._lines.add(address // LINE_BYTES * LINE_BYTES)
            if self.collect(address, value.to_bytes(4, "little")):
                self._status |= INCONSISTENT

    def looked_at(self, address: int, size: int) -> None:
        """A line of the data cache still has what was there before."""
        if address // LINE_BYTES * LINE_BYTES in self._lines:
            self.fault(f"it reads {address:#010x}, and the data cache still has what was there before")
        super().looked_at(address, size)

    def uncorrectable(self, address: int) -> None:
        """A bus fault, unless faults are masked and this kind may pass."""
        masked = self.uc.reg_read(arm_const.UC_ARM_REG_FAULTMASK)
        passes = int.from_bytes(self.uc.mem_read(CCR, 4), "little") & LET_PASS
        self._status |= DAMAGE
        if not masked or not passes:
            self.fault(f"it reads {address:#010x}, which is damaged: a bus fault")
