"""The flash interface of ST's STM32H743, after RM0433, chapter 4."""

from __future__ import annotations

from typing import Any

import unicorn
from unicorn import arm_const

from toolkit.device.emulators.flash.ecc import EccFlash

KEYS = [0x4567_0123, 0xCDEF_89AB]
KEY, CONTROL, STATUS, CLEAR, NEXT_BANK = 0x04, 0x0C, 0x10, 0x14, 0x100
LOCK, PROGRAM, SECTOR_ERASE, START = 1 << 0, 1 << 1, 1 << 2, 1 << 7
QUEUED, WAITS, SEQUENCE_ERROR, INCONSISTENT, DAMAGE = 1 << 2, 1 << 1, 1 << 18, 1 << 21, 1 << 26
ERRORS = 0x07EE_0000
BANK_BYTES, LINE_BYTES = 0x10_0000, 32
CCR, LET_PASS, FORGET_LINE = 0xE000_ED14, 1 << 8, 0xE000_EF5C


class Stm32h7Flash(EccFlash):
    """The second bank: sectors by number, units of eight words, and a data cache that must be told."""

    register_bytes = 0x200
    unit_bytes = 32

    def attach(self) -> None:
        self._control, self._status = LOCK, 0
        self._keys: list[int] = []
        self._cached: set[int] = set()
        super().attach()
        self.uc.hook_add(unicorn.UC_HOOK_MEM_WRITE, self._forget, None, FORGET_LINE, FORGET_LINE)

    def _forget(self, _uc: Any, _access: int, _address: int, _size: int, value: int, _data: Any) -> None:
        self._cached.discard((value & 0xFFFF_FFFF) // LINE_BYTES * LINE_BYTES)

    def register(self, offset: int) -> int | None:
        """The first bank, where the program is, is left alone."""
        queued = QUEUED if self.is_busy() and offset == NEXT_BANK + STATUS else 0
        waits = WAITS if self._unit else 0
        return {NEXT_BANK + CONTROL: self._control, NEXT_BANK + STATUS: self._status | queued | waits}.get(
            offset, 0
        )

    def control(self, offset: int, value: int) -> None:
        """CR is locked until both keys came; a wrong one locks it until the next reset."""
        if offset < NEXT_BANK:
            self.fault("it touches the bank where the program is")
        elif offset == NEXT_BANK + KEY:
            self._keys.append(value)
            if self._keys == KEYS:
                self._control &= ~LOCK
        elif offset == NEXT_BANK + CLEAR:
            self._status &= ~value
        elif offset == NEXT_BANK + CONTROL and not self._control & LOCK:
            self._command(value)

    def _command(self, value: int) -> None:
        if self.busy > 1:
            self.fault("it changes FLASH_CR while an operation is under way")
        self._control = value & ~START
        if value & LOCK:
            self._keys = []
        elif value & START and value & SECTOR_ERASE and not self._status & ERRORS:
            assert self.target.flash is not None
            size = self.store.page_bytes
            start = self.target.flash.origin + BANK_BYTES + (value >> 8 & 7) * size
            self.erase(start, size)
            self._cached.update(range(start, start + size, LINE_BYTES))

    def write(self, address: int, size: int, value: int) -> None:
        """What does not suit is an error that the status tells, and has no effect."""
        if self._control & LOCK or not self._control & PROGRAM:
            self._status |= SEQUENCE_ERROR
        elif size != 4:
            self._status |= INCONSISTENT
        elif self.busy > 1:
            self.fault("it does not wait for the flash interface")
        elif not self._status & ERRORS:
            self._cached.add(address // LINE_BYTES * LINE_BYTES)
            if self.collect(address, value.to_bytes(4, "little")):
                self._status |= INCONSISTENT

    def looked_at(self, address: int, size: int) -> None:
        """A line of the data cache still has what was there before."""
        if address // LINE_BYTES * LINE_BYTES in self._cached:
            self.fault(f"it reads {address:#010x}, and the data cache still has what was there before")
        super().looked_at(address, size)

    def uncorrectable(self, address: int) -> None:
        """A bus fault, unless faults are masked and this kind may pass."""
        masked = self.uc.reg_read(arm_const.UC_ARM_REG_FAULTMASK)
        passes = int.from_bytes(self.uc.mem_read(CCR, 4), "little") & LET_PASS
        self._status |= DAMAGE
        if not masked or not passes:
            self.fault(f"it reads {address:#010x}, which is damaged: a bus fault")
