"""A board on Unicorn that stays up, with a serial port; its memory for slots outlives a reset."""

from __future__ import annotations

import threading
from collections.abc import Callable

import unicorn

from toolkit.device import linker
from toolkit.device.elf import Elf
from toolkit.device.emulators import base, dwt, esp32c3_counter, setup_registers, timers
from toolkit.device.emulators.block_counter import BlockCounter
from toolkit.device.emulators.flash import BY_DRIVER, Flash
from toolkit.device.emulators.serial_port import SerialPort
from toolkit.device.emulators.unicorn_core import END, ArmMachine, Machine, RiscvMachine
from toolkit.device.profile import SERIAL_CALLER, Landmarks, Profile
from toolkit.device.targets import Region, Target
from toolkit.errors import DEVICE, ToolkitError

_STOP_S = 10.0
_AFTER_POWER_ON = b"\xa7\x1c\x55\xe3"  # RAM holds nothing to be relied on


class UnicornBoard:
    """One firmware running on an emulated board until it is closed. ``url`` is its serial line."""

    def __init__(self, elf: Elf, target: Target, prefix: str, counting: bool) -> None:
        self._elf, self._target, self._prefix, self._counting = elf, target, prefix, counting
        self._slots_region = linker.slots_region(elf)
        self._slots = b"\xff" * self._slots_region.bytes
        assert target.serial is not None
        self._port = SerialPort(target.serial)
        self.url = self._port.url
        self.on_mark: Callable[[int], None] = lambda level: None  # told when the marking pin is set
        self._start()

    def reset(self) -> None:
        """Cut the power, whatever the board is doing, and switch it on again: RAM is lost, flash is not."""
        self._stop()
        self._start()

    def close(self) -> None:
        """Switch off for good."""
        self._stop()
        self._port.close()

    def profiles(self) -> dict[str, Profile]:
        """Return what was counted since the last reset, by the model's entry: ``run``, ``predict``."""
        return {entry: counter.profile() for entry, counter in self._machine.counters.items()}

    def failure(self) -> ToolkitError | None:
        """Return why the board no longer runs, or None while it does."""
        return self._failure

    @property
    def slots(self) -> bytes:
        """What lies in the flash for slots."""
        return self._machine.slots()

    def register(self, address: int, bits: int) -> int:
        """Return what a register holds that the board's ``setup`` names."""
        return self._machine.register(address, bits)

    def set_slots(self, content: bytes) -> None:
        """Reset with other content in the flash for slots, as after bits have changed.

        Raises:
            ToolkitError: it has another size.
        """
        if len(content) != self._slots_region.bytes:
            raise ToolkitError(
                f"{len(content):,} bytes are not the {self._slots_region.bytes:,} of this firmware's slots",
                at=str(self._elf.path),
                fix="give all of both slots",
            )
        self._stop()
        self._slots = content
        self._start()

    def _start(self) -> None:
        self._failure: ToolkitError | None = None
        self._port.switch(True)
        job = base.Job(self._elf.path, self._target, b"", False, 0, self._prefix)
        self._machine = machine(job, self._port, self._slots_region, self._slots)
        if self._target.mark is not None:
            setup_registers.watch_mark(self._machine.uc, self._target.mark, lambda level: self.on_mark(level))
        if self._counting:
            self._machine.count(self._prefix)
        self._thread = threading.Thread(target=self._run, name="emulated board", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._machine.go()
        except ToolkitError as error:
            self._failure = error

    def _stop(self) -> None:
        self._port.switch(False)
        self._machine.uc.emu_stop()
        self._thread.join(_STOP_S)
        if self._thread.is_alive():
            raise ToolkitError("the emulated board does not stop", at=str(self._elf.path), exit_code=DEVICE)
        self._slots = self._machine.slots()


class _Board(Machine):
    """A core with a UART, a timer, what is set up first, and flash of which the slots can be written."""

    def __init__(self, job: base.Job, port: SerialPort, slots: Region, content: bytes) -> None:
        self._port, self._slots_region, self._content = port, slots, content
        self.counters: dict[str, BlockCounter] = {}
        super().__init__(job)

    def load(self) -> None:
        """Put the image in flash and the board's other parts around the core."""
        super().load()
        _, ram = self.job.target.regions()
        self.uc.mem_write(ram.origin, _AFTER_POWER_ON * (ram.bytes // len(_AFTER_POWER_ON)))
        self._port.attach(self.uc)
        setup_registers.attach(self.uc, self.job.target, self._port.page)
        self.flash: Flash | None = None
        if self._slots_region.bytes:
            assert self.job.target.store is not None
            kind = BY_DRIVER[self.job.target.store.driver]
            self.flash = kind(self.uc, self.job.target, self._slots_region, self.stop)
            self.flash.content = self._content
        timers.attach(self.uc, self.elf, self.job.target)
        self._attach_counter()

    def _attach_counter(self) -> None:
        """Give the core its cycle counter where Unicorn has none."""
        target = self.job.target
        assert target.serial is not None
        assert target.clock_hz is not None
        if target.serial.driver == "esp32c3":
            esp32c3_counter.attach(self.uc, self.elf, target.clock_hz)
        elif target.startup == "cortex_m" and target.arch != "armv6-m":
            dwt.attach(self.uc, target.clock_hz)

    def count(self, prefix: str) -> None:
        """Count what the model executes, each entry by itself."""
        for entry in ("run", "predict"):
            if f"{prefix}_{entry}" in self.elf.by_name:
                marks = Landmarks.of(self.elf, prefix, entry, SERIAL_CALLER)
                self.counters[entry] = BlockCounter(self.uc, self.elf, marks)

    def register(self, address: int, bits: int) -> int:
        """Return what memory holds."""
        return int.from_bytes(self.uc.mem_read(address, bits // 8), "little")

    def slots(self) -> bytes:
        """Return what lies in the flash for slots."""
        return self.flash.content if self.flash is not None else b""

    def stop(self, why: str) -> None:
        """Stop because of what the program has done."""
        self.why = self.why or why
        self.uc.emu_stop()

    def go(self) -> None:
        """Run until switched off. Raises ``ToolkitError`` when the program faults."""
        try:
            self.uc.emu_start(self.start(), END)
        except unicorn.UcError as error:
            raise self.fault(str(error)) from error
        if self.why:
            raise self.fault(self.why)


def machine(job: base.Job, port: SerialPort, slots: Region, content: bytes) -> _ArmBoard | _RiscvBoard:
    """Return a board's core and what is around it, with ``content`` in the flash for slots."""
    return (_RiscvBoard if job.target.startup == "riscv" else _ArmBoard)(job, port, slots, content)


class _ArmBoard(_Board, ArmMachine):
    """One with a Cortex-M."""


class _RiscvBoard(_Board, RiscvMachine):
    """One with a RISC-V core."""
