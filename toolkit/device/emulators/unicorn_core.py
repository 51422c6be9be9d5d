"""Run an image on Unicorn's Cortex-M or RV32 core: needs no system package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import unicorn
from unicorn import arm_const, riscv_const

from toolkit.device.emulators import base
from toolkit.device.emulators.block_counter import BlockCounter
from toolkit.device.emulators.semihosting import STOPPED_EXIT, Semihost
from toolkit.device.profile import Landmarks
from toolkit.device.targets import Region
from toolkit.errors import ToolkitError

PAGE = 0x1000
_SYSTEM = Region(0xE000_0000, 0x10_0000)  # a Cortex-M's private peripheral bus: startup code writes CPACR
_MODELS = {
    "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
}
# QEMU's numbers of Arm exceptions, which Unicorn hands to the interrupt hook
_BREAKPOINT = 7
_EXCEPTIONS = {
    1: "an undefined instruction",
    2: "a supervisor call",
    17: "no coprocessor",
    18: "not Thumb code",
}
_ALIGNMENT_CHECKS = 200_000  # accesses; checking all of them would make a run many times slower
# slli zero, zero, 0x1f; ebreak; srai zero, zero, 7
_RISCV_CALL = bytes.fromhex("1310f001 73001000 13507040")
END = 0xFFFF_FFFF  # an address that no program reaches: runs end by semihosting


def run(job: base.Job) -> base.Finished:
    """Run an image to its end. Raises ``ToolkitError`` (exit code 4) when it faults or does not end in time."""
    machine = RiscvMachine(job) if job.target.arch == "rv32imc" else ArmMachine(job)
    return machine.run()


class Machine(ABC):
    """A core with flash, RAM and a semihosting host."""

    pc_register: int
    sp_register: int
    call_registers: tuple[int, int]

    def __init__(self, job: base.Job) -> None:
        self.job, self.elf = job, job.elf
        self.uc = self.core()
        files = {"input.bin": bytearray(job.input)}
        self.host = Semihost(self.uc.mem_read, self.uc.mem_write, files, on_output=job.on_output)
        self.why = ""  # set when the core stops for a reason that Unicorn does not raise
        flash, ram = job.target.regions()
        self.map(flash, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self.map(ram, unicorn.UC_PROT_ALL)
        if job.target.boot and job.target.boot.region.end <= flash.origin // PAGE * PAGE:
            self.map(job.target.boot.region, unicorn.UC_PROT_READ)
        self.load()
        self.prepare()

    @abstractmethod
    def core(self) -> Any:
        """Return a fresh Unicorn core."""

    @abstractmethod
    def prepare(self) -> None:
        """Set hooks and registers as after reset."""

    @abstractmethod
    def start(self) -> int:
        """Return the address to start at."""

    def map(self, region: Region, permissions: int) -> None:
        """Give the core memory, in whole pages."""
        first = region.origin // PAGE * PAGE
        self.uc.mem_map(first, -(-(region.end - first) // PAGE) * PAGE, permissions)

    def load(self) -> None:
        """Put the image's bytes where they belong."""
        for segment in self.elf.segments:
            try:
                self.uc.mem_write(segment.address, segment.data)
            except unicorn.UcError as error:
                raise ToolkitError(
                    f"the image has bytes at {segment.address:#x}, where {self.job.target.name} has no memory",
                    at=str(self.elf.path),
                    fix="build it for this target",
                ) from error

        flash, _ = self.job.target.regions()
        if self.job.target.data_origin is not None:  # the same flash, where loads see it
            self.map(Region(self.job.target.data_origin, flash.bytes), unicorn.UC_PROT_READ)
            content = bytes(self.uc.mem_read(flash.origin, flash.bytes))
            self.uc.mem_write(self.job.target.data_origin, content)

    def run(self) -> base.Finished:
        """Run to the end and return the files."""
        counter = None
        if self.job.profile:
            counter = BlockCounter(self.uc, self.elf, Landmarks.of(self.elf, self.job.prefix))
        try:
            self.uc.emu_start(self.start(), END, timeout=int(self.job.timeout_s * 1e6))
        except unicorn.UcError as error:
            raise self.fault(str(error)) from error
        if self.why:
            raise self.fault(self.why)
        if self.host.stopped is None:
            raise base.hang(self.elf, self.job.timeout_s, self.pc)
        if self.host.stopped != STOPPED_EXIT:
            raise self.fault(f"it stopped with reason {self.host.stopped:#x}")
        files = {name: bytes(data) for name, data in self.host.files.items() if name != "input.bin"}
        return base.Finished(files, counter.profile() if counter else None)

    @property
    def pc(self) -> int:
        """The program counter."""
        return self.uc.reg_read(self.pc_register)

    def semihost(self) -> bool:
        """Serve one semihosting call; return False when it was the last."""
        operation, argument = (self.uc.reg_read(register) for register in self.call_registers)
        result = self.host.call(operation, argument)
        if self.host.stopped is not None:
            self.uc.emu_stop()
            return False
        self.uc.reg_write(self.call_registers[0], result)
        return True

    def fault(self, why: str) -> ToolkitError:
        """Return the error that the program failed, or that its stack was too small."""
        sp, (_, ram) = self.uc.reg_read(self.sp_register), self.job.target.regions()
        if base.outside_stack(sp, ram):
            return base.overflow(self.job.target, self.elf, self.pc)
        return base.fault(self.elf, f"the device faulted: {why}", self.pc)


class ArmMachine(Machine):
    """A Cortex-M."""

    pc_register, sp_register = arm_const.UC_ARM_REG_PC, arm_const.UC_ARM_REG_SP
    call_registers = arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_R1

    def core(self) -> Any:
        cpu = self.job.target.emulators["unicorn"].cpu
        if cpu not in _MODELS:
            raise ToolkitError(
                f"Unicorn has no core {cpu!r}",
                at=str(self.job.target.folder / "target.toml"),
                fix=f"use one of: {', '.join(_MODELS)}",
            )
        uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        uc.ctl_set_cpu_model(_MODELS[cpu])
        return uc

    def load(self) -> None:
        """Put the image's bytes where they belong, and the core's own registers."""
        self.map(_SYSTEM, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        super().load()

    def prepare(self) -> None:
        flash, _ = self.job.target.regions()
        self.uc.reg_write(self.sp_register, int.from_bytes(self.uc.mem_read(flash.origin, 4), "little"))
        self.uc.hook_add(unicorn.UC_HOOK_INTR, self.on_interrupt)
        if self.job.target.arch == "armv6-m":
            self.unchecked = _ALIGNMENT_CHECKS
            self.alignment_hook = self.uc.hook_add(
                unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, self.on_access
            )

    def start(self) -> int:
        flash, _ = self.job.target.regions()
        return int.from_bytes(self.uc.mem_read(flash.origin + 4, 4), "little")

    def on_interrupt(self, uc: Any, number: int, _data: Any) -> None:
        """Serve ``bkpt 0xab``; anything else is a fault."""
        pc = self.pc
        if number != _BREAKPOINT:
            self.why = _EXCEPTIONS.get(number, f"exception {number}")
            uc.emu_stop()
        elif self.semihost():
            uc.reg_write(self.pc_register, (pc + 2) | 1)

    def on_access(self, uc: Any, _access: int, address: int, size: int, _value: int, _data: Any) -> None:
        """Fault on unaligned data as an Armv6-M core does, which Unicorn does not; only on the first accesses."""
        if address % size:
            self.why = f"an unaligned access of {size} bytes at {address:#010x}"
            uc.emu_stop()
        self.unchecked -= 1
        if not self.unchecked:
            uc.hook_del(self.alignment_hook)


class RiscvMachine(Machine):
    """A 32-bit RISC-V core."""

    pc_register, sp_register = riscv_const.UC_RISCV_REG_PC, riscv_const.UC_RISCV_REG_SP
    call_registers = riscv_const.UC_RISCV_REG_A0, riscv_const.UC_RISCV_REG_A1

    def core(self) -> Any:
        return unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)

    def prepare(self) -> None:
        # Unicorn takes ebreak for an invalid instruction, so watch for its address instead.
        for segment in self.elf.segments:
            offset = segment.data.find(_RISCV_CALL)
            while offset >= 0:
                ebreak = segment.address + offset + 4
                self.uc.hook_add(unicorn.UC_HOOK_CODE, self.on_ebreak, None, ebreak, ebreak)
                offset = segment.data.find(_RISCV_CALL, offset + 1)

    def start(self) -> int:
        return self.elf.entry

    def on_ebreak(self, uc: Any, address: int, _size: int, _data: Any) -> None:
        """Serve a semihosting call."""
        if self.semihost():
            uc.reg_write(self.pc_register, address + 4)
