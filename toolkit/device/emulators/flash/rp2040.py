"""The serial flash of a Raspberry Pi chip and the functions of its boot ROM, after RP2040 data sheet, 2.8.3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import unicorn
from unicorn import arm_const

from toolkit.device.emulators.flash.base import PAGE, Flash

ORIGIN = 0x1000_0000
UNIT, SECTOR = 256, 4096
_TABLE, _LOOK_UP, _FUNCTIONS = 0x80, 0x100, 0x200
_QUICK, _SLOW = b"\4\3\2\1", b"\5\6\7\x08"
_RETURN = b"\x70\x47"  # bx lr
_REGISTERS = tuple(arm_const.UC_ARM_REG_R0 + number for number in range(4))


class Rp2040Flash(Flash):
    """While the ROM's functions work, flash is no memory: whoever runs or reads there stops."""

    look_up = 0x18  # where the ROM's pointer is
    control_page = 0x1800_0000  # the SSI
    reading: tuple[int, ...] = (0x14,)  # registers that say how flash is read, which the ROM changes

    def attach(self) -> None:
        self._connected, self._readable, self._cached = False, True, False
        self._functions: dict[str, Callable[[int, int, int, int], None]] = {
            "IF": self._connect, "EX": self._leave, "RE": self._erase, "RP": self._program,
            "FC": self._empty_cache, "CX": self._enter,
        }  # fmt: skip
        self.uc.mem_map(0, PAGE, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self.uc.mem_map(self.control_page, PAGE, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        for offset in self.reading:
            self.uc.mem_write(self.control_page + offset, _QUICK)
        self.uc.mem_write(0x14, _TABLE.to_bytes(2, "little"))
        self._hook(_LOOK_UP, self._find)
        self.uc.mem_write(self.look_up, (_LOOK_UP | 1).to_bytes(2, "little"))
        for number, function in enumerate(self._functions.values()):
            self._hook(_FUNCTIONS + 16 * number, function)

    def _hook(self, address: int, function: Callable[[int, int, int, int], int | None]) -> None:
        def called(uc: Any, *_: Any) -> None:
            result = function(*(uc.reg_read(register) for register in _REGISTERS)) if not self.off else None
            if result is not None:
                uc.reg_write(_REGISTERS[0], result)

        self.uc.mem_write(address, _RETURN)
        self.uc.hook_add(unicorn.UC_HOOK_CODE, called, None, address, address)

    def _find(self, first: int, second: int, *_: int) -> int:
        code = self.asked(first, second)
        name = chr(code & 0xFF) + chr(code >> 8 & 0xFF)
        names = list(self._functions)
        return _FUNCTIONS + 16 * names.index(name) | 1 if name in names else 0

    def asked(self, first: int, second: int) -> int:
        """Return the name that is asked for, of the arguments."""
        return second if first == _TABLE else 0

    def quick(self) -> bool:
        """Return whether flash is read as fast as at the start."""
        return all(self.uc.mem_read(self.control_page + offset, 4) == _QUICK for offset in self.reading)

    def _connect(self, *_: int) -> None:
        self._connected = True

    def _leave(self, *_: int) -> None:
        self._readable = False
        self._protect(unicorn.UC_PROT_NONE)

    def _protect(self, permissions: int) -> None:
        flash, _ = self.target.regions()
        self.uc.mem_protect(ORIGIN, flash.end - ORIGIN, permissions)

    def _erase(self, offset: int, size: int, _block: int, _command: int) -> None:
        self._check("erases")
        if size != SECTOR:
            self.fault(f"it erases {size:#x} bytes, which are no sector")
        self.erase(ORIGIN + offset, size)
        self._cached = True

    def _program(self, offset: int, data: int, size: int, _: int) -> None:
        self._check("programs")
        address = ORIGIN + offset
        if offset % UNIT or size % UNIT:
            self.fault(f"it programs {size} bytes at {offset:#x}, which are no {UNIT}")
        elif not self.slots.origin <= address <= address + size <= self.slots.end:
            self.fault(f"it programs {size} bytes at {address:#010x}, which are no slot")
        elif any(start <= data <= last for start, last, _ in self.uc.mem_regions() if start >> 28 == 1):
            self.fault("it programs what lies in flash, which cannot be read meanwhile")
        else:
            for at in range(0, size, UNIT):
                new = bytes(self.uc.mem_read(data + at, UNIT))
                self.poke(address + at, self.programmed(address + at, new))
            self._cached = True

    def _check(self, does: str) -> None:
        if not self._connected or self._readable:
            self.fault(f"it {does} flash and has not left the mode in which flash is memory")

    def _empty_cache(self, *_: int) -> None:
        self._cached = False

    def _enter(self, *_: int) -> None:
        if self._cached:
            self.fault("it makes flash readable, and the cache still holds what was there before")
        self._connected, self._readable = False, True
        for offset in self.reading:
            self.uc.mem_write(self.control_page + offset, _SLOW)
        self._protect(unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
