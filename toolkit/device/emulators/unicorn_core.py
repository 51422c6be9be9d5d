"""Run an image on Unicorn's Cortex-M or RV32 core: needs no system package."""

from __future__ import annotations

from typing import Any

import unicorn
from unicorn import arm_const, riscv_const

from toolkit.device.elf import Elf
from toolkit.device.emulators import base
from toolkit.device.emulators.lengths import riscv_instructions, thumb_instructions
from toolkit.device.emulators.semihosting import STOPPED_EXIT, Semihost
from toolkit.device.profile import Landmarks, Profile, collect
from toolkit.device.targets import Region
from toolkit.errors import DEVICE, ToolkitError

_PAGE = 0x1000
_SYSTEM_REGION = Region(0xE000_0000, 0x10_0000)  # the private peripheral bus: startup code writes CPACR
_ARM_MODELS = {
    "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
}
_ARM_BREAKPOINT = 7  # QEMU's EXCP_BKPT
_RISCV_BREAKPOINT = 3
_ARM_EXCEPTIONS = {
    1: "an undefined instruction",
    2: "a supervisor call",
    17: "no coprocessor",
    18: "not Thumb code",
}


def run(job: base.Job) -> base.Finished:
    """Run an image to its end. Raises ``ToolkitError`` (exit code 4) when it faults or does not end in time."""
    return _Machine(job).run()


class _Machine:
    """One core with flash, RAM and a semihosting host."""

    def __init__(self, job: base.Job) -> None:
        self.job, self.elf = job, job.elf
        self.riscv = job.target.arch == "rv32imc"
        if self.riscv:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
            self.pc_register, self.sp_register = riscv_const.UC_RISCV_REG_PC, riscv_const.UC_RISCV_REG_SP
            self.call_registers = riscv_const.UC_RISCV_REG_A0, riscv_const.UC_RISCV_REG_A1
        else:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
            self.uc.ctl_set_cpu_model(_ARM_MODELS[_model(job)])
            self.pc_register, self.sp_register = arm_const.UC_ARM_REG_PC, arm_const.UC_ARM_REG_SP
            self.call_registers = arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_R1
        self.host = Semihost(self._read, self.uc.mem_write, {"input.bin": bytearray(job.input)})
        self.exception: int | None = None
        self._map()
        self.uc.hook_add(unicorn.UC_HOOK_INTR, self._on_interrupt)

    def _map(self) -> None:
        flash, ram = self.job.target.flash, self.job.target.ram
        assert flash and ram
        self._map_region(flash, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self._map_region(ram, unicorn.UC_PROT_ALL)
        if not self.riscv:
            self._map_region(_SYSTEM_REGION, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        for segment in self.elf.segments:
            try:
                self.uc.mem_write(segment.address, segment.data)
            except unicorn.UcError as error:
                raise base.fault(
                    self.elf, f"the image has bytes at {segment.address:#x}, where the target has no memory", None,
                    "build it for this target",
                ) from error  # fmt: skip

    def _map_region(self, region: Region, permissions: int) -> None:
        first = region.origin // _PAGE * _PAGE
        self.uc.mem_map(first, -(-(region.end - first) // _PAGE) * _PAGE, permissions)

    def _read(self, address: int, size: int) -> bytearray:
        return self.uc.mem_read(address, size)

    def run(self) -> base.Finished:
        flash = self.job.target.flash
        assert flash
        if self.riscv:
            start = self.elf.entry
        else:
            sp, start = (int.from_bytes(self._read(flash.origin + i, 4), "little") for i in (0, 4))
            self.uc.reg_write(self.sp_register, sp)
        counter = _BlockCounter(self.uc, self.elf, self.riscv) if self.job.profile else None
        try:
            self.uc.emu_start(start, 0xFFFF_FFFF, timeout=int(self.job.timeout_s * 1e6))
        except unicorn.UcError as error:
            raise self._fault(str(error)) from error
        if self.exception is not None:
            raise self._fault(_ARM_EXCEPTIONS.get(self.exception, f"exception {self.exception}"))
        if self.host.stopped is None:
            raise base.hang(self.elf, self.job.timeout_s, self._pc())
        if self.host.stopped != STOPPED_EXIT:
            raise self._fault(f"it stopped with reason {self.host.stopped:#x}")
        files = {name: bytes(data) for name, data in self.host.files.items() if name != "input.bin"}
        return base.Finished(files, counter.profile() if counter else None)

    def _pc(self) -> int:
        return self.uc.reg_read(self.pc_register)

    def _fault(self, why: str) -> ToolkitError:
        sp, ram = self.uc.reg_read(self.sp_register), self.job.target.ram
        assert ram
        if sp < ram.origin + 64 and sp > ram.origin - 0x10_0000:
            return base.overflow(self.job.target, self.elf, self._pc())
        return base.fault(
            self.elf, f"the device faulted: {why}", self._pc(), "please report it with the bundle"
        )

    def _on_interrupt(self, uc: Any, number: int, _data: Any) -> None:
        pc = self._pc()
        if number != (_RISCV_BREAKPOINT if self.riscv else _ARM_BREAKPOINT):
            self.exception = number
            uc.emu_stop()
            return
        operation, argument = (uc.reg_read(register) for register in self.call_registers)
        result = self.host.call(operation, argument)
        if self.host.stopped is not None:
            uc.emu_stop()
            return
        uc.reg_write(self.call_registers[0], result)
        uc.reg_write(self.pc_register, pc + 4 if self.riscv else (pc + 2) | 1)


def _model(job: base.Job) -> str:
    cpu = job.target.emulators["unicorn"].cpu
    if cpu not in _ARM_MODELS:
        raise ToolkitError(
            f"Unicorn has no core {cpu!r}",
            at=str(job.target.folder / "target.toml"),
            fix=f"use one of: {', '.join(_ARM_MODELS)}",
        )
    return cpu


class _BlockCounter:
    """Counts basic blocks between entering and leaving the model, by layer."""

    def __init__(self, uc: Any, elf: Elf, riscv: bool) -> None:
        try:
            self.marks = Landmarks.of(elf)
        except KeyError as error:
            raise ToolkitError(
                f"cannot profile {elf.path}: it has no function {error}",
                fix="build it again",
                exit_code=DEVICE,
            ) from error
        self.uc, self.lengths = uc, riscv_instructions if riscv else thumb_instructions
        self.inside = False
        self.inferences = 0
        self.layer: str | None = None
        self.run_entry = range(0)
        # (layer, address, bytes) -> [count, jumped]
        self.counts: dict[tuple[str | None, int, int], list[int]] = {}
        self.previous: list[int] = [0, 0]
        self.expected = -1
        function = elf.by_name["model_run"]
        self.run_range = range(function.address, function.end)
        uc.hook_add(unicorn.UC_HOOK_BLOCK, self._on_block)

    def _on_block(self, _uc: Any, address: int, size: int, _data: Any) -> None:
        marks = self.marks
        if not self.inside:
            if address != marks.entry:
                return
            self.inside = True
            self.inferences += 1
        elif address != self.expected:
            self.previous[1] += 1
        if address in marks.caller:
            self.inside = False
            self.expected = -1
            self.previous = [0, 0]
            return
        if address in marks.layers:
            self.layer = marks.layers[address]
        elif address in self.run_range:
            self.layer = None
        key = self.layer, address, size
        entry = self.counts.get(key)
        if entry is None:
            entry = self.counts[key] = [0, 0]
        entry[0] += 1
        self.previous = entry
        self.expected = address + size

    def profile(self) -> Profile:
        """Return the histogram, instructions counted by decoding their lengths."""
        rows = [
            (layer, address, self.lengths(bytes(self.uc.mem_read(address, size))), size, count, jumped)
            for (layer, address, size), (count, jumped) in self.counts.items()
        ]
        return collect(rows, self.inferences)
