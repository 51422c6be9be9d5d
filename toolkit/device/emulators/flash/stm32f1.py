"""The flash interface of ST's STM32F1, after PM0063."""

from __future__ import annotations

from toolkit.device.emulators.flash.stm32 import Stm32Flash

ADDRESS = 0x14
NOT_ERASED, PROGRAM = 1 << 2, 1 << 0


class Stm32f1Flash(Stm32Flash):
    """Pages are erased by their addresses, halves of words are programmed where they were erased."""

    register_bytes = 0x20
    key, status, clear, control_register = 0x04, 0x0C, 0x0C, 0x10
    erases, begin, lock, busy_bit = 1 << 1, 1 << 6, 1 << 7, 1 << 0

    def attach(self) -> None:
        self._address = 0
        super().attach()

    def control(self, offset: int, value: int) -> None:
        """AR says which page."""
        if offset == ADDRESS:
            self._address = value
        super().control(offset, value)

    def erase_chosen(self, control: int) -> None:
        """Erase the page that has the address in AR."""
        self.erase(self._address // self.store.page_bytes * self.store.page_bytes, self.store.page_bytes)

    def write(self, address: int, size: int, value: int) -> None:
        """Anything but halves of words is a bus fault; what was not erased is an error, and stays."""
        if size != 2:
            self.fault(f"it writes {size} bytes to flash at {address:#010x}: a bus fault")
        elif self._control & self.lock or not self._control & PROGRAM:
            self.fault("it writes to flash, and FLASH_CR does not allow it: a bus fault")
        elif self.busy > 1:
            self.fault("it does not wait for the flash interface")
        elif value and self.peek(address, 2) != b"\xff\xff":
            self._status |= NOT_ERASED
        else:
            self.put(address, self.programmed(address, value.to_bytes(2, "little")))
