"""Flash with slots in it, for a Unicorn core: what is common to all kinds."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import unicorn

from toolkit.device.target import Region, Target

PAGE = 0x1000
BUSY_READS = 3  # how often a controller says that it is busy


class Flash:
    """The slots of a board's flash and what erases and programs them.

    An erase makes ones, programming makes zeros only. What the manual forbids is ignored, or is an error that the
    controller tells, where the manual says so; else the core stops with ``fault``.

    ``power`` is how many steps are left until the power fails: an erase, and each unit that is programmed, are two
    steps each, and after the first one the bits are anything between before and after. None: it never fails.

    Args:
        uc: the core, its flash and the registers of the board's ``setup`` mapped.
        target: a board with ``store``.
        slots: where the firmware keeps what is learnt.
        fault: stops the core, and says why.
    """

    def __init__(self, uc: Any, target: Target, slots: Region, fault: Callable[[str], None]) -> None:
        assert target.store is not None
        self.uc, self.target, self.store, self.slots, self.fault = uc, target, target.store, slots, fault
        self.power: int | None = None
        self.damaged: set[int] = set()  # units whose reading is an error, where flash corrects errors
        self.off = False
        self.busy = 0
        self.steps = 0
        self._random = random.Random(1)
        self.attach()

    def attach(self) -> None:
        """Put it into the core's memory."""
        self.make_writable()

    def make_writable(self) -> tuple[int, int]:
        """Let the core write to the pages where slots are; return their first address and the one behind them."""
        first, end = self.slots.origin // PAGE * PAGE, -(-self.slots.end // PAGE) * PAGE
        self.uc.mem_protect(first, end - first, unicorn.UC_PROT_ALL)
        return first, end

    @property
    def content(self) -> bytes:
        """What lies in the slots."""
        return self.peek(self.slots.origin, self.slots.bytes)

    @content.setter
    def content(self, content: bytes) -> None:
        assert len(content) == self.slots.bytes
        self.poke(self.slots.origin, content)

    def peek(self, address: int, size: int) -> bytes:
        """Return bytes of flash."""
        return bytes(self.uc.mem_read(address, size))

    def poke(self, address: int, content: bytes) -> None:
        """Change bytes of flash."""
        self.uc.mem_write(address, content)

    def erase(self, address: int, size: int) -> None:
        """Erase a page, in two steps."""
        self.busy = BUSY_READS
        if not self.slots.origin <= address <= address + size <= self.slots.end:
            self.fault(f"it erases {size:#x} bytes at {address:#010x}, which are no slot")
        elif address % size:
            self.fault(f"it erases {size:#x} bytes at {address:#010x}, which is no page")
        elif self.step():
            old = int.from_bytes(self.peek(address, size), "little")
            ones = self._random.getrandbits(8 * size) & self._random.getrandbits(8 * size)
            self.poke(address, (old | ones).to_bytes(size, "little"))
            if self.step():
                self.poke(address, b"\xff" * size)

    def programmed(self, address: int, data: bytes) -> bytes:
        """Return what a unit holds that is programmed with ``data``, in two steps."""
        self.busy = BUSY_READS
        size = len(data)
        old, new = int.from_bytes(self.peek(address, size), "little"), int.from_bytes(data, "little")
        if self.step():
            half = old & (new | self._random.getrandbits(8 * size))
            old = old & new if self.step() else half
        return old.to_bytes(size, "little")

    def quick(self) -> bool:
        """Return whether flash is read as fast as at the start."""
        return True

    def told(self) -> bool:
        """Return whether the controller says that what was read is damaged."""
        return False

    def step(self) -> bool:
        """Take one step; return False when the power has failed."""
        if self.power == 0:
            self.off = True
            self.uc.emu_stop()
        if self.off:
            return False
        self.steps += 1
        if self.power is not None:
            self.power -= 1
        return True

    def is_busy(self) -> bool:
        """Return whether the controller still works, which it is asked."""
        self.busy = max(0, self.busy - 1)
        return self.busy > 0


class ControlledFlash(Flash):
    """Flash that is programmed by writing to it, under a controller with registers at ``store.address``.

    Unicorn writes memory after its hooks have run, so what a word really becomes is put there before anybody looks.
    """

    register_bytes: int  # from ``store.address`` on

    def attach(self) -> None:
        self._to_put: list[tuple[int, bytes]] = []
        first, end = self.make_writable()
        self.uc.hook_add(unicorn.UC_HOOK_MEM_WRITE, self._on_flash_write, None, first, end - 1)
        self.uc.hook_add(unicorn.UC_HOOK_MEM_READ, self._on_flash_read, None, first, end - 1)
        base, limit = self.store.address, self.store.address + self.register_bytes
        for page in range(base // PAGE * PAGE, limit, PAGE):
            if not any(start <= page <= last for start, last, _ in self.uc.mem_regions()):
                self.uc.mem_map(page, PAGE, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        self.uc.hook_add(unicorn.UC_HOOK_MEM_READ, self._on_register_read, None, base, limit - 1)
        self.uc.hook_add(unicorn.UC_HOOK_MEM_WRITE, self._on_register_write, None, base, limit - 1)

    @property
    def content(self) -> bytes:
        self.settle()
        return Flash.content.fget(self)  # type: ignore[attr-defined, no-any-return]

    @content.setter
    def content(self, content: bytes) -> None:
        self.settle()
        Flash.content.fset(self, content)  # type: ignore[attr-defined]

    def register(self, offset: int) -> int | None:
        """Return what a register reads as; None where it is memory."""
        raise NotImplementedError

    def control(self, offset: int, value: int) -> None:
        """Obey what is written to a register."""
        raise NotImplementedError

    def write(self, address: int, size: int, value: int) -> None:
        """Obey a write to flash: call ``put`` for what changes. ``address`` is in a slot."""
        raise NotImplementedError

    def looked_at(self, address: int, size: int) -> None:
        """The core reads flash."""

    def put(self, address: int, data: bytes) -> None:
        """Make flash hold ``data`` once the core's write has gone by."""
        self._to_put.append((address, data))

    def settle(self) -> None:
        """Make true what the last write became."""
        for address, data in self._to_put:
            self.poke(address, data)
        self._to_put.clear()

    def _on_flash_write(
        self, _uc: Any, _access: int, address: int, size: int, value: int, _data: Any
    ) -> None:
        self.settle()
        self.put(address, self.peek(address, size))
        if not self.slots.origin <= address <= address + size <= self.slots.end:
            self.fault(f"it writes to flash at {address:#010x}, which is no slot")
        elif not self.off:
            self.write(address, size, value & (1 << 8 * size) - 1)

    def _on_flash_read(self, _uc: Any, _access: int, address: int, size: int, *_: Any) -> None:
        self.settle()
        if not self.off:
            self.looked_at(address, size)

    def _on_register_read(self, uc: Any, _access: int, address: int, size: int, *_: Any) -> None:
        self.settle()
        value = self.register(address - self.store.address)
        if value is not None:
            uc.mem_write(address, value.to_bytes(4, "little")[:size])

    def _on_register_write(
        self, _uc: Any, _access: int, address: int, size: int, value: int, _data: Any
    ) -> None:
        self.settle()
        if not self.off:
            self.control(address - self.store.address, value & (1 << 8 * size) - 1)
