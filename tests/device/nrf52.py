"""An nRF52840 as a debugger sees it: debug port, access ports, core and flash controller. Its core is Unicorn's.

Written from Arm's ADIv5.2 and ARMv7-M manuals and Nordic's nRF52840 product specification. Programs that the debugger
puts into RAM, such as a flash algorithm, really run; a program in flash is not run.
"""

from __future__ import annotations

import struct
from typing import Any

import unicorn
from unicorn import arm_const

FLASH_BYTES, PAGE, RAM, RAM_BYTES = 1 << 20, 4096, 0x2000_0000, 1 << 18
FICR, NVMC, WATCHDOG = 0x1000_0000, 0x4001_E000, 0x4001_0000
READY, CONFIG, ERASE_PAGE, ERASE_ALL = NVMC + 0x400, NVMC + 0x504, NVMC + 0x508, NVMC + 0x50C
DFSR, AIRCR, DHCSR, DCRSR, DCRDR, DEMCR = (
    0xE000_ED30,
    0xE000_ED0C,
    0xE000_EDF0,
    0xE000_EDF4,
    0xE000_EDF8,
    0xE000_EDFC,
)
ROM_TABLE = 0xE00F_F000
_SLICE = 20_000  # instructions that run between two looks of the debugger
_REGISTERS = [getattr(arm_const, f"UC_ARM_REG_R{i}") for i in range(13)] + [
    arm_const.UC_ARM_REG_SP,
    arm_const.UC_ARM_REG_LR,
    arm_const.UC_ARM_REG_PC,
    arm_const.UC_ARM_REG_XPSR,
    arm_const.UC_ARM_REG_MSP,
    arm_const.UC_ARM_REG_PSP,
]


def _component(address: int, kind: int, part: int) -> dict[int, int]:
    """Return the identification registers of a CoreSight component of Arm."""
    values = {0xFD0: 4, 0xFE0: part & 0xFF, 0xFE4: 0xB0 | part >> 8, 0xFE8: 0x0B, 0xFEC: 0}
    values |= {0xFF0: 0x0D, 0xFF4: kind << 4, 0xFF8: 0x05, 0xFFC: 0xB1}
    return {address + offset: value for offset, value in values.items()}


_FIXED = {
    0xE000_ED00: 0x410F_C241,  # CPUID: Cortex-M4
    0xE000_1000: 0x4000_0000,  # DWT: four comparators
    0xE000_2000: 0x260,  # FPB: six breakpoints
    ROM_TABLE: 0xFFF0_F003,  # SCS, DWT, FPB
    ROM_TABLE + 4: 0xFFF0_2003,
    ROM_TABLE + 8: 0xFFF0_3003,
    FICR + 0x010: PAGE,
    FICR + 0x014: FLASH_BYTES // PAGE,
    FICR + 0x100: 0x52840,
    FICR + 0x104: 0x4141_4330,  # variant AAC0
    FICR + 0x108: 0x2004,
    FICR + 0x10C: 256,
    FICR + 0x110: 1024,
    READY: 1,
    NVMC + 0x408: 1,
    **_component(ROM_TABLE, 1, 0x008),
    **_component(0xE000_E000, 0xE, 0x00C),
    **_component(0xE000_1000, 0xE, 0x002),
    **_component(0xE000_2000, 0xE, 0x003),
}


class Nrf52:
    """``flash`` is what has been programmed. ``fault``: ``locked``, ``worn-out`` (bits stay), ``dead`` (no answer)."""

    def __init__(self, fault: str = "") -> None:
        self.fault, self.flash = fault, bytearray(b"\xff" * FLASH_BYTES)
        self.resets = 0
        self._registers: dict[int, int] = {}
        self._halted = self._debugged = False
        self._select = self._control = 0
        self._csw, self._tar = 0x2300_0002, 0
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
        self._uc.mmio_map(0, FLASH_BYTES, self._flash_read, None, self._flash_write, None)
        self._uc.mem_map(RAM, RAM_BYTES)
        self._uc.mem_map(FICR, 0x2000)
        self._uc.mem_map(WATCHDOG, 0x1000)
        self._uc.mmio_map(NVMC, 0x1000, self._peripheral_read, None, self._peripheral_write, None)
        self._uc.mem_write(FICR + 0x1000, b"\xff" * 0x1000)
        for address, value in _FIXED.items():
            if FICR <= address < FICR + 0x1000:
                self._uc.mem_write(address, struct.pack("<I", value))
        self._uc.hook_add(unicorn.UC_HOOK_INTR, self._interrupt)

    # The debug port and its access ports

    def read_dp(self, address: int) -> int:
        """Read a register of the debug port: 0, 4, 8 or 12."""
        if address == 4:
            return self._control | (self._control & 0x5000_0000) << 1  # powered up as soon as asked
        return 0x2BA0_1477 if address == 0 else 0

    def write_dp(self, address: int, value: int) -> None:
        """Write a register of the debug port."""
        if address == 4:
            self._control = value & 0x5000_0F00
        elif address == 8:
            self._select = value

    def read_ap(self, address: int) -> int:
        """Read a register of the access port that is selected; only bits 2 and 3 of ``address`` count."""
        port, register = self._select >> 24, self._select & 0xF0 | address & 0xC
        if port == 1:  # Nordic's control port
            return {0x0C: int(self.fault != "locked"), 0xFC: 0x0288_0000}.get(register, 0)
        if port:
            return 0
        if register in (0x00, 0x04):
            return self._tar if register else self._csw | 0x40
        if register == 0x0C or 0x10 <= register <= 0x1C:
            return self._transfer(register)
        return {0xF8: ROM_TABLE | 3, 0xFC: 0x2477_0011}.get(register, 0)

    def write_ap(self, address: int, value: int) -> None:
        """Write a register of the access port that is selected."""
        port, register = self._select >> 24, self._select & 0xF0 | address & 0xC
        if port:
            return
        if register == 0x00:
            self._csw = value
        elif register == 0x04:
            self._tar = value
        elif register == 0x0C or 0x10 <= register <= 0x1C:
            self._transfer(register, value)

    def _transfer(self, register: int, value: int | None = None) -> int:
        """Read or write memory at TAR, or at one of the four words around it."""
        size = 1 << (self._csw & 3)
        address = self._tar if register == 0x0C else (self._tar & ~0xF) + register - 0x10
        lane = 8 * (address & 3)
        result = 0
        if value is None:
            result = int.from_bytes(self.read(address, size), "little") << lane
        else:
            self.write(address, (value >> lane & (1 << 8 * size) - 1).to_bytes(size, "little"))
        if register == 0x0C and self._csw >> 4 & 3:
            self._tar = self._tar & ~0xFFF | self._tar + size & 0xFFF  # a Cortex-M4 counts within 4 KB
        return result

    # Memory as the debugger's bus sees it

    def read(self, address: int, size: int) -> bytes:
        """Read memory and registers."""
        self._run()
        if address >= 0x4000_0000:
            word = self._register(address & ~3)
            return struct.pack("<I", word)[address & 3 :][:size]
        if address < FLASH_BYTES:
            return bytes(self.flash[address : address + size])
        return bytes(self._uc.mem_read(address, size))

    def write(self, address: int, data: bytes) -> None:
        """Write memory and registers; flash only where its controller lets one."""
        self._run()
        if address >= 0x4000_0000:
            self._set_register(address, int.from_bytes(data, "little"))
        elif address < FLASH_BYTES:
            self._program(address, data)
        else:
            self._uc.mem_write(address, data)

    def _register(self, address: int) -> int:
        if address == DHCSR:
            return self._debugged | 1 << 16 | self._halted << 17 | (self._halted << 1)
        return self._registers.get(address, _FIXED.get(address, 0))

    def _set_register(self, address: int, value: int) -> None:
        if NVMC <= address < NVMC + 0x1000:
            self._peripheral_write(self._uc, address - NVMC, 4, value, None)
        elif address == DHCSR and value >> 16 == 0xA05F:
            self._debugged = bool(value & 1)
            self._halted = self._debugged and bool(value & 2)
            if not self._halted:
                self._uc.ctl_flush_tb()  # the debugger may have put another program into RAM
        elif address == DCRSR:
            self._move(value)
        elif address == DFSR:
            self._registers[DFSR] = self._registers.get(DFSR, 0) & ~value
        elif address == AIRCR and value >> 16 == 0x05FA and value & 4:
            self.reset()
        else:
            self._registers[address] = value

    def reset(self) -> None:
        """Reset core and flash controller; the core halts where DEMCR asks for it."""
        self.resets += 1
        self._registers.pop(CONFIG, None)
        self._halted = self._debugged and bool(self._registers.get(DEMCR, 0) & 1)
        stack, entry = struct.unpack_from("<II", self.flash)
        self._uc.reg_write(arm_const.UC_ARM_REG_SP, stack & ~3)
        self._uc.reg_write(arm_const.UC_ARM_REG_PC, entry | 1)
        self._registers[DFSR] = 8 if self._halted else 0

    def _move(self, request: int) -> None:
        """Move a word between a core register and DCRDR."""
        number = request & 0x7F
        if number >= len(_REGISTERS):
            if not request >> 16 & 1:
                self._registers[DCRDR] = 0
        elif request >> 16 & 1:
            value = self._registers.get(DCRDR, 0)
            if number == 16:
                value &= 0xF900_0000  # which exception runs is not the debugger's to say
            self._uc.reg_write(_REGISTERS[number], value | (number == 15))
        else:
            value = self._uc.reg_read(_REGISTERS[number])
            self._registers[DCRDR] = value & ~1 if number == 15 else value | (1 << 24 if number == 16 else 0)

    # The core

    def _run(self) -> None:
        """Let the core go on with what the debugger put into RAM."""
        entry = self._uc.reg_read(arm_const.UC_ARM_REG_PC)
        if self._halted or not RAM <= entry < RAM + RAM_BYTES:
            return
        self._uc.emu_start(entry | 1, 0xFFFF_FFFF, count=_SLICE)

    def _interrupt(self, uc: unicorn.Uc, number: int, _: Any) -> None:
        uc.emu_stop()
        assert number == 7, f"exception {number} at {uc.reg_read(arm_const.UC_ARM_REG_PC):#x}"  # EXCP_BKPT
        self._halted = True
        self._registers[DFSR] = self._registers.get(DFSR, 0) | 2

    # The flash controller

    def _peripheral_read(self, _uc: unicorn.Uc, offset: int, _size: int, _: Any) -> int:
        return self._register(NVMC + offset)

    def _peripheral_write(self, _uc: unicorn.Uc, offset: int, _size: int, value: int, _: Any) -> None:
        address, erasing = NVMC + offset, self._registers.get(CONFIG, 0) == 2
        if address == ERASE_PAGE and erasing:
            first = value & ~(PAGE - 1)
            self.flash[first : first + PAGE] = b"\xff" * PAGE
        elif address == ERASE_ALL and erasing and value & 1:
            self.flash[:] = b"\xff" * FLASH_BYTES
        else:
            self._registers[address] = value

    def _flash_read(self, _uc: unicorn.Uc, offset: int, size: int, _: Any) -> int:
        return int.from_bytes(self.flash[offset : offset + size], "little")

    def _flash_write(self, _uc: unicorn.Uc, offset: int, size: int, value: int, _: Any) -> None:
        self._program(offset, (value & (1 << 8 * size) - 1).to_bytes(size, "little"))

    def _program(self, address: int, data: bytes) -> None:
        if self._registers.get(CONFIG, 0) == 1:
            kept = 0x10 if self.fault == "worn-out" else 0  # a bit that cannot be cleared
            for at, byte in enumerate(data, address):
                self.flash[at] &= byte | kept
