"""The serial flash of an ESP32-C3 and the functions of its ROM, by the addresses of ESP-IDF's ``esp32c3.rom.ld``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import unicorn
from unicorn import riscv_const

from toolkit.device.emulators.flash.base import PAGE, Flash

ROM = 0x4000_0000
ERASE_SECTOR, WRITE, READ, SUSPEND, RESUME = 0x128, 0x12C, 0x130, 0x524, 0x528
SECTOR = 4096
CODE = 0x4038_0000  # where the core runs what lies in RAM
_AUTOLOAD = 0x55  # what suspending returns, and resuming wants back
_RETURN = b"\x82\x80"  # ret
_REGISTERS = tuple(riscv_const.UC_RISCV_REG_A0 + number for number in range(3))


class Esp32c3Flash(Flash):
    """While the cache is suspended, flash is no memory: whoever runs or reads there stops."""

    def attach(self) -> None:
        self._readable = True
        self.uc.mem_map(ROM, PAGE, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        for place, function in (
            (ERASE_SECTOR, self._erase), (WRITE, self._write), (READ, self._read),
            (SUSPEND, self._suspend), (RESUME, self._resume),
        ):  # fmt: skip
            self._hook(ROM + place, function)
        ram = self.target.regions()[1]
        self.uc.mem_protect(ram.origin, ram.bytes, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        self.uc.hook_add(unicorn.UC_HOOK_MEM_FETCH_UNMAPPED, self._run_from_ram)

    def _run_from_ram(self, uc: Any, _access: int, address: int, *_: Any) -> bool:
        ram = self.target.regions()[1]
        if not CODE <= address < CODE + ram.bytes:
            return False
        uc.mem_map(CODE, ram.bytes, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        uc.mem_write(CODE, bytes(uc.mem_read(ram.origin, ram.bytes)))
        return True

    def _hook(self, address: int, function: Callable[[int, int, int], int]) -> None:
        def called(uc: Any, *_: Any) -> None:
            if not self.off:
                uc.reg_write(_REGISTERS[0], function(*(uc.reg_read(register) for register in _REGISTERS)))

        self.uc.mem_write(address, _RETURN)
        self.uc.hook_add(unicorn.UC_HOOK_CODE, called, None, address, address)

    def _suspend(self, *_: int) -> int:
        self._protect(unicorn.UC_PROT_NONE, unicorn.UC_PROT_NONE)
        self._readable = False
        return _AUTOLOAD

    def _resume(self, autoload: int, *_: int) -> int:
        if autoload != _AUTOLOAD:
            self.fault("it does not give back what suspending the cache has returned")
        self._protect(unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC, unicorn.UC_PROT_READ)
        self._readable = True
        return 0

    def _protect(self, code: int, data: int) -> None:
        flash, _ = self.target.regions()
        assert self.target.data_origin is not None
        for origin, permissions in ((flash.origin, code), (self.target.data_origin, data)):
            first = origin // PAGE * PAGE
            self.uc.mem_protect(first, -(-(origin + flash.bytes - first) // PAGE) * PAGE, permissions)

    def _at(self, offset: int, size: int) -> int:
        """Return where the slots have so many bytes of flash."""
        if self._readable:
            self.fault("it lets the ROM work on flash, and the cache is not suspended")
        address = self.target.regions()[0].origin // PAGE * PAGE + offset
        if not self.slots.origin <= address <= address + size <= self.slots.end:
            self.fault(f"{size} bytes of flash at {offset:#x} are no slot")
        return address

    def _erase(self, sector: int, *_: int) -> int:
        self.erase(self._at(sector * SECTOR, SECTOR), SECTOR)
        return 0

    def _write(self, offset: int, data: int, size: int) -> int:
        address = self._at(offset, size)
        self._check(offset, data, size)
        self.poke(address, self.programmed(address, bytes(self.uc.mem_read(data, size))))
        return 0

    def _read(self, offset: int, data: int, size: int) -> int:
        address = self._at(offset, size)
        self._check(offset, data, size)
        self.uc.mem_write(data, self.peek(address, size))
        return 0

    def _check(self, offset: int, data: int, size: int) -> None:
        _, ram = self.target.regions()
        if offset % 4 or data % 4 or size % 4:
            self.fault("the ROM takes whole words from addresses of words")
        if not ram.origin <= data < data + size <= ram.end:
            self.fault(f"{data:#010x} is not in RAM")
