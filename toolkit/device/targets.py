"""Targets as data: one folder with a ``target.toml`` each; a board inherits one family and replaces keys of it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from toolkit import paths
from toolkit.device import toml
from toolkit.errors import ToolkitError

_ADDRESS_LIMIT = 2**32


@dataclass(frozen=True)
class Region:
    """A stretch of memory that the linker may fill."""

    origin: int
    bytes: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.origin + self.bytes


@dataclass(frozen=True)
class Compiler:
    """How one compiler is called for a target: ``command`` is empty for Zig, which comes as a Python package."""

    command: tuple[str, ...]
    flags: tuple[str, ...]
    package: str


@dataclass(frozen=True)
class EmulatorConfig:
    """How one emulator stands for a target; keys that an emulator does not use are empty."""

    cpu: str = ""
    command: str = ""
    machine: str = ""
    package: str = ""
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Energy:
    """Published active current of a whole chip. ``source`` names datasheet, table and conditions."""

    active_ma: float
    voltage: float
    source: str


@dataclass(frozen=True)
class Serial:
    """A board's serial port: ``driver`` names a file of ``runtime/harness``; its registers are at ``address``."""

    driver: str
    address: int


@dataclass(frozen=True)
class CycleTable:
    """Published instruction timings of a core, in cycles by kind of instruction."""

    source: str
    cycles: Mapping[str, int]


@dataclass(frozen=True)
class Target:
    """A device to build for. ``flash``, ``ram`` and ``stack_bytes`` are there on bare metal only."""

    name: str
    description: str
    family: str
    arch: str
    kernels: str
    folder: Path
    compilers: Mapping[str, Compiler]
    emulators: Mapping[str, EmulatorConfig]
    startup: str = ""
    flash: Region | None = None
    ram: Region | None = None
    stack_bytes: int = 0
    clock_hz: int | None = None
    cycles: CycleTable | None = None
    energy: Energy | None = None
    serial: Serial | None = None

    @property
    def bare_metal(self) -> bool:
        """True when nothing runs beneath the program."""
        return self.flash is not None

    def regions(self) -> tuple[Region, Region]:
        """Return flash and RAM. Bare metal only."""
        assert self.flash is not None, self.name
        assert self.ram is not None, self.name
        return self.flash, self.ram

    @cached_property
    def default_emulator(self) -> str:
        """The emulator that ``target.toml`` lists first."""
        return next(iter(self.emulators))


ARCHS = ("host", "aarch64", "armv6-m", "armv7-m", "armv7e-m", "armv8.1-m", "rv32imc")
# Which tuned kernels a core runs (toolkit/kernels); every core runs the portable ones.
KERNEL_SETS = ("portable", "armv6m", "armv7em", "helium", "rv32im", "neon", "avx2")
SERIAL_DRIVERS = ("cmsdk", "stdio")
EMULATORS = ("unicorn", "qemu", "native")
CYCLE_KINDS = (
    "alu",
    "load",
    "load_after_load",
    "store",
    "multiple_base",
    "branch",
    "branch_taken",
    "call",
    "jump",
    "multiply",
    "multiply_add",
    "multiply_long",
    "divide",
    "float",
    "float_multiply_add",
    "float_divide",
)


def folders() -> dict[str, Path]:
    """Return each target's folder by name: those of ``TOOLKIT_TARGETS`` (a path list) before the shipped ones."""
    roots = [Path(root) for root in os.environ.get("TOOLKIT_TARGETS", "").split(os.pathsep) if root]
    found: dict[str, Path] = {}
    for root in [*roots, paths.targets_dir()]:
        if not root.is_dir():
            raise ToolkitError(
                f"TOOLKIT_TARGETS names {root}, which is not a folder",
                fix="create it or take it out of TOOLKIT_TARGETS",
            )
        for file in sorted(root.glob("*/target.toml")):
            found.setdefault(file.parent.name, file.parent)
    return found


def names() -> list[str]:
    """Return the names of all targets, sorted."""
    return sorted(folders())


def load(name: str) -> Target:
    """Return the target ``name``. Raises ``ToolkitError`` for an unknown name or a wrong ``target.toml``."""
    known = folders()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ToolkitError(
            f"no target is called {name!r}", fix=f"{hint}the targets are: {', '.join(sorted(known))}"
        )
    return read(known[name], known)


def read(folder: Path, known: Mapping[str, Path]) -> Target:
    """Return the target that ``folder`` describes; ``known`` holds the folders where its family is looked up."""
    file = folder / "target.toml"
    values = toml.read(file)
    family = folder.name
    if "family" in values:
        family = toml.Table(file, values).text("family", choices=tuple(sorted(known)))
        base = toml.read(known[family] / "target.toml")
        if "family" in base:
            raise ToolkitError(
                f"family is {family!r}, which is a board", at=str(file), fix=f"use {base['family']!r}"
            )
        del values["family"]
        values = base | values
    table = toml.Table(file, values)
    target = _parse(table, folder, family)
    table.done()
    return target


def _parse(table: toml.Table, folder: Path, family: str) -> Target:
    flash, ram = _memory(table) if "memory" in table else (None, None)
    if flash and "startup" not in table:
        raise table.error("startup", "is missing", "bare metal needs startup code: see runtime/harness")
    return Target(
        name=folder.name,
        description=table.text("description"),
        family=family,
        arch=table.text("arch", choices=ARCHS),
        kernels=table.text("kernels", choices=KERNEL_SETS),
        folder=folder,
        compilers=_compilers(table),
        emulators=_emulators(table),
        startup=table.text("startup", choices=("cortex_m", "riscv")) if flash else "",
        flash=flash,
        ram=ram,
        stack_bytes=table.integer("stack_bytes", 256, ram.bytes) if ram else 0,
        clock_hz=table.integer("clock_hz", 1000, 10**11) if "clock_hz" in table else None,
        cycles=_cycles(table.table("cycles")) if "cycles" in table else None,
        energy=_energy(table.table("energy")) if "energy" in table else None,
        serial=_serial(table.table("serial")) if "serial" in table else None,
    )


def _memory(table: toml.Table) -> tuple[Region, Region]:
    memory = table.table("memory")
    regions = []
    for name in ("flash", "ram"):
        part = memory.table(name)
        origin = part.integer("origin", 0, _ADDRESS_LIMIT - 1)
        regions.append(Region(origin, part.integer("bytes", 1024, _ADDRESS_LIMIT - origin)))
        if origin % 4:
            raise part.error("origin", f"is {origin:#x}, not a multiple of 4")
        part.done()
    memory.done()
    flash, ram = regions
    if flash.origin < ram.end and ram.origin < flash.end:
        raise table.error("memory", "has flash and ram that overlap")
    return flash, ram


def _compilers(table: toml.Table) -> dict[str, Compiler]:
    compilers = {}
    for name, part in table.tables("compilers"):
        if name == "zig":
            compilers[name] = Compiler((), part.texts("flags"), "")
        else:
            command = part.texts("command")
            if not command:
                raise part.error("command", "is empty")
            flags = part.texts("flags") if "flags" in part else ()
            compilers[name] = Compiler(command, flags, part.text("package"))
        part.done()
    if not compilers:
        raise table.error("compilers", "is empty", "add [compilers.zig] with flags")
    return compilers


def _emulators(table: toml.Table) -> dict[str, EmulatorConfig]:
    emulators = {}
    for name, part in table.tables("emulators"):
        if name not in EMULATORS:
            raise table.error(
                f"emulators.{name}", "is not an emulator", f"use one of: {', '.join(EMULATORS)}"
            )
        texts = {key: part.text(key) for key in ("cpu", "command", "machine", "package") if key in part}
        emulators[name] = EmulatorConfig(**texts, args=part.texts("args") if "args" in part else ())
        for key in {"unicorn": ("cpu",), "qemu": ("command", "package"), "native": ()}[name]:
            part.text(key)
        part.done()
    if not emulators:
        raise table.error("emulators", "is empty")
    return emulators


def _cycles(table: toml.Table) -> CycleTable:
    source = table.text("source")
    cycles = {kind: table.integer(kind, 0, 1000) for kind in CYCLE_KINDS if kind in table}
    for kind in ("alu", "load", "store", "branch", "branch_taken"):
        table.integer(kind, 0, 1000)
    table.done()
    return CycleTable(source, cycles)


def _energy(table: toml.Table) -> Energy:
    energy = Energy(
        active_ma=table.number("active_ma", 1e-6, 1e5),
        voltage=table.number("voltage", 0.1, 50),
        source=table.text("source"),
    )
    table.done()
    return energy


def _serial(table: toml.Table) -> Serial:
    driver = table.text("driver", choices=SERIAL_DRIVERS)
    address = table.integer("address", 0, _ADDRESS_LIMIT - 1) if driver != "stdio" else 0
    table.done()
    return Serial(driver, address)
