"""What a target is: a core with its memory, compilers and emulators; a board also has a port and ways to flash it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from toolkit.device.setup import Mark, Step
from toolkit.errors import ToolkitError

HEADER_BYTES = 32  # of a slot, see runtime/train/tk_slots.h


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
    serial_line: int = 0  # which of the machine's lines the firmware's is


@dataclass(frozen=True)
class Energy:
    """Published active current of a whole chip. ``source`` names datasheet, table and conditions."""

    active_ma: float
    voltage: float
    source: str


@dataclass(frozen=True)
class Serial:
    """A board's serial port.

    ``driver`` names ``runtime/harness/serial_<driver>.c``, whose registers are at ``address`` and which is clocked by
    ``clock_hz``; ``timer`` names ``time_<timer>.c``. ``settings`` are numbers that a driver takes as
    ``TK_SERIAL_<NAME>``.
    """

    driver: str
    address: int
    timer: str = ""
    clock_hz: int = 0
    settings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Store:
    """Where a board keeps what its model learns.

    ``driver`` names ``runtime/harness/flash_<driver>.c``, whose controller's registers are at ``address``, 0 where it
    has none. ``page_bytes`` are erased at once. Without a ``region`` of its own, two slots of whole pages are the last
    of the target's flash.
    """

    driver: str
    address: int
    page_bytes: int
    region: Region | None = None

    def slots_bytes(self, state_bytes: int) -> int:
        """Return what two slots for ``state_bytes`` take, in whole pages; see ``runtime/train/tk_slots.h``."""
        if self.region is not None:
            return self.region.bytes
        return 2 * -(-(state_bytes + HEADER_BYTES) // self.page_bytes) * self.page_bytes


@dataclass(frozen=True)
class Boot:
    """What a boot ROM wants before a program: ``runtime/harness/boot_<header>.c``, which is put at ``region``."""

    header: str
    region: Region


@dataclass(frozen=True)
class ImageConfig:
    """The files a board is flashed with, the first one by default. ``uf2_family`` is there where UF2 is among them."""

    formats: tuple[str, ...]
    uf2_family: int | None = None


@dataclass(frozen=True)
class CycleTable:
    """Published instruction timings of a core, in cycles by kind of instruction."""

    source: str
    cycles: Mapping[str, int]


@dataclass(frozen=True)
class Target:
    """A device to build for. ``flash``, ``ram`` and ``stack_bytes`` are there on bare metal only.

    ``data_origin`` is where loads see what code sees at the start of flash, when that is another address. ``setup``
    holds the registers that are written first of all, before the serial port is opened.

    ``usb`` holds ``vid:pid`` in hex of the board's serial port or probe. ``flashers`` are tools by name, the first one
    the default, each with the keys that its module in ``toolkit/device/flashers`` checks. ``runtimes`` are
    what runs model files, the preferred one first, each with its backends. ``projects`` says what frameworks of
    ``toolkit/backends/projects`` call the board.
    """

    name: str
    description: str
    family: str
    arch: str
    kernels: str
    folder: Path
    compilers: Mapping[str, Compiler]
    emulators: Mapping[str, EmulatorConfig]
    startup: str = ""
    only: tuple[str, ...] = ()  # kernels that it runs; empty for all
    flash: Region | None = None
    ram: Region | None = None
    data_origin: int | None = None
    stack_bytes: int = 0
    clock_hz: int | None = None
    cycles: CycleTable | None = None
    energy: Energy | None = None
    serial: Serial | None = None
    store: Store | None = None
    boot: Boot | None = None
    setup: tuple[Step, ...] = ()
    mark: Mark | None = None  # a pin for meters
    image: ImageConfig | None = None
    usb: tuple[str, ...] = ()
    flashers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    runtimes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    projects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

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
        """The emulator that ``target.toml`` lists first. Raises ``ToolkitError`` when there is none."""
        if not self.emulators:
            raise ToolkitError(
                f"no emulator has {self.name}",
                at=str(self.folder / "target.toml"),
                fix="check the model on another target with the same core",
            )
        return next(iter(self.emulators))
