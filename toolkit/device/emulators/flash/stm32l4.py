"""The flash interfaces of ST's STM32L4+ and STM32U5, after RM0432, chapter 3, and RM0456, chapter 7."""

from __future__ import annotations

from toolkit.device.emulators.flash.ecc import EccFlash

KEYS = [0x4567_0123, 0xCDEF_89AB]
CACHE_ON, CACHE_RESET = 1 << 10, 1 << 12
ERRORS, BUSY, WAITS = 0xC3FA, 1 << 16, 1 << 17
PROGRAM_ERROR, ALIGN_ERROR, SIZE_ERROR, SEQUENCE_ERROR = 1 << 3, 1 << 5, 1 << 6, 1 << 7
PROGRAM, PAGE_ERASE, BANK_2, START, LOCK = 1 << 0, 1 << 1, 1 << 11, 1 << 16, 1 << 31
TWO_BANKS, DAMAGE = 1 << 22, 1 << 31
BANK_BYTES = 0x10_0000


class Stm32l4Flash(EccFlash):
    """Pages are erased by bank and number; a unit is programmed when all its words came, once."""

    register_bytes = 0x34
    key, status, control_register, ecc, options = 0x08, 0x10, 0x14, 0x18, 0x20
    unit_bytes = 8
    has_cache = True
    waits_for_words = False  # what bit 17 of the status says; else that flash was empty at the start

    def attach(self) -> None:
        self._control, self._status, self._ecc = LOCK, 0, 0
        self._keys: list[int] = []
        self._cached = False
        super().attach()

    def register(self, offset: int) -> int | None:
        """ACR is memory."""
        busy = BUSY if self.is_busy() and offset == self.status else 0
        waits = WAITS if self._unit or not self.waits_for_words else 0
        return {
            0: None,
            self.status: self._status | busy | waits,
            self.control_register: self._control,
            self.ecc: self._ecc,
            self.options: TWO_BANKS,
        }.get(offset, 0)

    def control(self, offset: int, value: int) -> None:
        """CR is locked until both keys came; a wrong one locks it until the next reset."""
        if offset == 0:
            before = int.from_bytes(self.uc.mem_read(self.store.address, 4), "little")
            if value & CACHE_RESET and not (value | before) & CACHE_ON:
                self._cached = False
        elif offset == self.key:
            self._keys.append(value)
            if self._keys == KEYS:
                self._control &= ~LOCK
        elif offset == self.status:
            self._status &= ~value
        elif offset == self.ecc:
            self._ecc &= ~value
        elif offset == self.control_register and not self._control & LOCK:
            self._command(value)

    def _command(self, value: int) -> None:
        if self.busy > 1:
            self.fault("it changes the flash's control register while an operation is under way")
        self._control = value & ~START
        if value & LOCK:
            self._keys = []
        elif value & START and value & PAGE_ERASE and not self._status & ERRORS:
            assert self.target.flash is not None
            bank = self.target.flash.origin + (BANK_BYTES if value & BANK_2 else 0)
            self.erase(bank + (value >> 3 & 0xFF) * self.store.page_bytes, self.store.page_bytes)
            self._cached = self.has_cache

    def write(self, address: int, size: int, value: int) -> None:
        """What does not suit is an error that the status tells, and has no effect."""
        if self._control & LOCK or not self._control & PROGRAM:
            self._status |= SEQUENCE_ERROR
        elif size != 4:
            self._status |= SIZE_ERROR
        elif self.busy > 1:
            self.fault("it does not wait for the flash interface")
        elif not self._status & ERRORS and self.collect(address, value.to_bytes(4, "little")):
            self._status |= PROGRAM_ERROR

    def looked_at(self, address: int, size: int) -> None:
        """A line of the data cache still has what was there before an erase."""
        if self._cached:
            self.fault("it reads what was erased, and the data cache was not emptied")
        super().looked_at(address, size)

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

    key, status, control_register, ecc, options = 0x08, 0x20, 0x28, 0x30, 0x40
    unit_bytes = 16
    has_cache = False
    waits_for_words = True
