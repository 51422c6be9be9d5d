"""The flash interfaces of ST's STM32L4+ and STM32U5, after RM0432, chapter 3, and RM0456, chapter 7."""

from __future__ import annotations

from toolkit.device.emulators.flash.ecc import EccFlash
from toolkit.device.emulators.flash.stm32 import Stm32Flash

WAITS = 1 << 17
PROGRAM_ERROR, SIZE_ERROR, SEQUENCE_ERROR = 1 << 3, 1 << 6, 1 << 7
PROGRAM, BANK_2 = 1 << 0, 1 << 11
TWO_BANKS, DAMAGE = 1 << 22, 1 << 31
BANK_BYTES = 0x10_0000


class Stm32l4Flash(Stm32Flash, EccFlash):
    """Pages are erased by bank and number; a unit is programmed when all its words came, once."""

    register_bytes = 0x34
    key, status, clear, control_register, ecc, options = 0x08, 0x10, 0x10, 0x14, 0x18, 0x20
    erases, begin, lock, busy_bit, errors = 1 << 1, 1 << 16, 1 << 31, 1 << 16, 0xC3FA
    unit_bytes = 8
    has_cache = True
    waits_for_words = False  # what bit 17 of the status says; else that flash was empty at the start

    def attach(self) -> None:
        self._ecc = 0
        super().attach()

    def register(self, offset: int) -> int | None:
        """Beside what all have: what is damaged, words that are missing, and the option bytes."""
        found = super().register(offset)
        if offset == self.status and found is not None:
            return found | (WAITS if self._unit or not self.waits_for_words else 0)
        return {self.ecc: self._ecc, self.options: TWO_BANKS}.get(offset, found)

    def control(self, offset: int, value: int) -> None:
        """Ones clear what ECCR says."""
        if offset == self.ecc:
            self._ecc &= ~value
        super().control(offset, value)

    def erase_chosen(self, control: int) -> None:
        """Erase the page of a bank and a number."""
        assert self.target.flash is not None
        bank = self.target.flash.origin + (BANK_BYTES if control & BANK_2 else 0)
        self.erase(bank + (control >> 3 & 0xFF) * self.store.page_bytes, self.store.page_bytes)
        self._cached = self.has_cache

    def write(self, address: int, size: int, value: int) -> None:
        """What does not suit is an error that the status tells, and has no effect."""
        if self._control & self.lock or not self._control & PROGRAM:
            self._status |= SEQUENCE_ERROR
        elif size != 4:
            self._status |= SIZE_ERROR
        elif self.busy > 1:
            self.fault("it does not wait for the flash interface")
        elif not self._status & self.errors and self.collect(address, value.to_bytes(4, "little")):
            self._status |= PROGRAM_ERROR

    def told(self) -> bool:
        """Return whether ECCR says so."""
        return bool(self._ecc & DAMAGE)

    def uncorrectable(self, address: int) -> None:
        """A non-maskable interrupt, whose handler is called when the core stops."""
        self._ecc |= DAMAGE
        start = self.target.regions()[0].origin
        handler, fault = (
            int.from_bytes(self.uc.mem_read(start + 4 * number, 4), "little") for number in (2, 3)
        )
        if handler == fault:
            self.fault(f"it reads {address:#010x}, which is damaged, and takes the interrupt for a crash")


class Stm32u5Flash(Stm32l4Flash):
    """Registers elsewhere, units of four words, and no data cache before flash."""

    key, status, clear, control_register, ecc, options = 0x08, 0x20, 0x20, 0x28, 0x30, 0x40
    unit_bytes = 16
    has_cache = False
    waits_for_words = True
