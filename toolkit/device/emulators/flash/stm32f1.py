"""The flash interface of ST's STM32F1, after PM0063."""

from __future__ import annotations

from toolkit.device.emulators.flash.base import ControlledFlash

KEYS = [0x4567_0123, 0xCDEF_89AB]
KEY, STATUS, CONTROL, ADDRESS = 0x04, 0x0C, 0x10, 0x14
BUSY, NOT_ERASED, ERRORS = 1 << 0, 1 << 2, 0x14
PROGRAM, PAGE_ERASE, START, LOCK = 1 << 0, 1 << 1, 1 << 6, 1 << 7


class Stm32f1Flash(ControlledFlash):
    """Pages are erased by their addresses, halves of words are programmed where they were erased."""

    register_bytes = 0x20

    def attach(self) -> None:
        self._control, self._status, self._address = LOCK, 0, 0
        self._keys: list[int] = []
        super().attach()

    def register(self, offset: int) -> int | None:
        """ACR is memory."""
        busy = BUSY if self.is_busy() and offset == STATUS else 0
        return {0: None, STATUS: self._status | busy, CONTROL: self._control}.get(offset, 0)

    def control(self, offset: int, value: int) -> None:
        """CR is locked until both keys came; a wrong one locks it until the next reset."""
        if offset == KEY:
            self._keys.append(value)
            if self._keys == KEYS:
                self._control &= ~LOCK
        elif offset == STATUS:
            self._status &= ~value
        elif offset == ADDRESS:
            self._address = value
        elif offset == CONTROL and not self._control & LOCK:
            if self.busy > 1:
                self.fault("it changes FLASH_CR while an operation is under way")
            self._control = value & ~START
            if value & LOCK:
                self._keys = []
            elif value & START and value & PAGE_ERASE:
                self.erase(
                    self._address // self.store.page_bytes * self.store.page_bytes, self.store.page_bytes
                )

    def write(self, address: int, size: int, value: int) -> None:
        """Anything but halves of words is a bus fault; what was not erased is an error, and stays."""
        if size != 2:
            self.fault(f"it writes {size} bytes to flash at {address:#010x}: a bus fault")
        elif self._control & LOCK or not self._control & PROGRAM:
            self.fault("it writes to flash, and FLASH_CR does not allow it: a bus fault")
        elif self.busy > 1:
            self.fault("it does not wait for the flash interface")
        elif value and self.peek(address, 2) != b"\xff\xff":
            self._status |= NOT_ERASED
        else:
            self.put(address, self.programmed(address, value.to_bytes(2, "little")))
