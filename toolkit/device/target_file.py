"""Read ``target.toml`` strictly: what is wrong is said with file and key."""

from __future__ import annotations

from pathlib import Path

from toolkit.device import target_board as board
from toolkit.device import toml
from toolkit.device.target import (
    Compiler,
    CycleTable,
    EmulatorConfig,
    Energy,
    Region,
    Target,
)

ARCHS = (
    "host",
    "x86_64",
    "aarch64",
    "arm64-apple",
    "armv6",
    "armv6-m",
    "armv7-m",
    "armv7e-m",
    "armv8-m.main",
    "armv8.1-m",
    "rv32imc",
    "avr",
    "xtensa",
)
EXPORT_ONLY = ("xtensa",)  # no compiler here builds for these: their projects are built elsewhere
# Which tuned kernels a core runs (toolkit/kernels); every core runs the portable ones.
KERNEL_SETS = ("portable", "armv6m", "armv7em", "helium", "rv32im", "neon", "avx2", "avr")
RUNTIMES = {
    "executorch": ("xnnpack", "vulkan", "coreml"),
    "litert": ("cpu",),
    "onnx": ("cpu", "cuda"),
    "c": ("library",),
    "ethos-u": (
        *(f"ethos-u55-{macs}" for macs in (32, 64, 128, 256)),
        *(f"ethos-u65-{macs}" for macs in (256, 512)),
        *(f"ethos-u85-{macs}" for macs in (128, 256, 512, 1024, 2048)),
    ),
}
EMULATORS = ("unicorn", "qemu", "native", "simavr")
_EMULATOR_KEYS = {  # that must be there
    "unicorn": ("cpu",),
    "qemu": ("command", "package"),
    "native": (),
    "simavr": ("cpu", "package"),
}
STARTUPS = ("cortex_m", "riscv", "avr_libc")
_PROJECT_KEYS = {  # what frameworks call a board
    "arduino": ("fqbn",),
    "esp-idf": ("chip",),
    "platformio": ("platform", "board", "framework"),
    "zephyr": ("board",),
}
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


def parse(table: toml.Table, folder: Path, family: str) -> Target:
    """Return the target that ``table`` describes. Raises ``ToolkitError`` for a wrong or missing key."""
    flash, ram, data_origin = _memory(table) if "memory" in table else (None, None, None)
    arch = table.text("arch", choices=ARCHS)
    built_here = arch not in EXPORT_ONLY
    if flash and built_here and "startup" not in table:
        raise table.error("startup", "is missing", "bare metal needs startup code: see runtime/harness")
    clock_hz = table.integer("clock_hz", 1000, 10**11) if "clock_hz" in table else None
    return Target(
        name=folder.name,
        description=table.text("description"),
        family=family,
        arch=arch,
        kernels=table.text("kernels", choices=KERNEL_SETS),
        folder=folder,
        compilers=_compilers(table) if built_here else {},
        emulators=_emulators(table) if built_here else {},
        startup=table.text("startup", choices=STARTUPS) if flash and built_here else "",
        only=table.texts("only") if "only" in table else (),
        flash=flash,
        ram=ram,
        data_origin=data_origin,
        stack_bytes=table.integer("stack_bytes", 256, ram.bytes) if ram else 0,
        clock_hz=clock_hz,
        cycles=_cycles(table.table("cycles")) if "cycles" in table else None,
        energy=_energy(table.table("energy")) if "energy" in table else None,
        serial=board.serial(table.table("serial"), clock_hz) if "serial" in table else None,
        store=board.store(table.table("store"), flash) if flash and "store" in table else None,
        boot=board.boot(table.table("boot")) if "boot" in table else None,
        setup=board.setup(table) if "setup" in table else (),
        mark=board.mark(table.table("mark")) if "mark" in table else None,
        image=board.image(table.table("image")) if "image" in table else None,
        usb=board.usb(table.table("usb")) if "usb" in table else (),
        flashers=board.flashers(table) if "flashers" in table else {},
        projects=_projects(table.table("projects")) if "projects" in table else {},
        runtimes=_runtimes(table.table("runtimes")) if "runtimes" in table else {},
    )


def _memory(table: toml.Table) -> tuple[Region, Region, int | None]:
    memory = table.table("memory")
    regions = []
    data_origin = None
    for name in ("flash", "ram"):
        part = memory.table(name)
        if name == "flash" and "data_origin" in part:
            data_origin = part.integer("data_origin", 0, board.ADDRESS_LIMIT - 1)
        regions.append(board.region(part, 1024))
        part.done()
    memory.done()
    flash, ram = regions
    if flash.origin < ram.end and ram.origin < flash.end:
        raise table.error("memory", "has flash and ram that overlap")
    return flash, ram, data_origin


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
        emulators[name] = EmulatorConfig(
            **texts,
            args=part.texts("args") if "args" in part else (),
            serial_line=part.integer("serial_line", 0, 9) if "serial_line" in part else 0,
        )
        for key in {
            "unicorn": ("cpu",),
            "qemu": ("command", "package"),
            "native": (),
            "simavr": ("cpu", "package"),
        }[name]:
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


def _projects(table: toml.Table) -> dict[str, dict[str, str]]:
    projects = {}
    for name in table:
        if name not in _PROJECT_KEYS:
            raise table.error(name, "is no kind of project", f"use some of: {', '.join(_PROJECT_KEYS)}")
        part = table.table(name)
        projects[name] = {key: part.text(key) for key in _PROJECT_KEYS[name]}
        part.done()
    return projects


def _runtimes(table: toml.Table) -> dict[str, tuple[str, ...]]:
    found = {}
    for name in table:
        if name not in RUNTIMES:
            raise table.error(name, "is no runtime", f"use one of: {', '.join(RUNTIMES)}")
        found[name] = table.texts(name)
        if not found[name]:
            raise table.error(name, "is empty", f"use some of: {', '.join(RUNTIMES[name])}")
        for backend in found[name]:
            if backend not in RUNTIMES[name]:
                raise table.error(name, f"has {backend!r:.60}", f"use some of: {', '.join(RUNTIMES[name])}")
    return found
