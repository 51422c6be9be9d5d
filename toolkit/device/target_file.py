"""Read ``target.toml`` strictly: what is wrong is said with file and key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from toolkit.device import toml
from toolkit.device.target import (
    Compiler,
    CycleTable,
    EmulatorConfig,
    Energy,
    ImageConfig,
    Region,
    Serial,
    Target,
)

_ADDRESS_LIMIT = 2**32
ARCHS = (
    "host",
    "x86_64",
    "aarch64",
    "arm64-apple",
    "armv6",
    "armv6-m",
    "armv7-m",
    "armv7e-m",
    "armv8.1-m",
    "rv32imc",
    "avr",
)
# Which tuned kernels a core runs (toolkit/kernels); every core runs the portable ones.
KERNEL_SETS = ("portable", "armv6m", "armv7em", "helium", "rv32im", "neon", "avx2", "avr")
FORMATS = ("elf", "hex", "bin", "uf2", "esp")
FLASHERS = (
    "pyocd",
    "esptool",
    "uf2",
    "openocd",
    "st-flash",
    "avrdude",
    "dfu-util",
    "picotool",
    "emulator",
)
_USB_ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}", re.ASCII)
SERIAL_DRIVERS = ("cmsdk", "stdio")
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
        startup=table.text("startup", choices=STARTUPS) if flash else "",
        only=table.texts("only") if "only" in table else (),
        flash=flash,
        ram=ram,
        stack_bytes=table.integer("stack_bytes", 256, ram.bytes) if ram else 0,
        clock_hz=table.integer("clock_hz", 1000, 10**11) if "clock_hz" in table else None,
        cycles=_cycles(table.table("cycles")) if "cycles" in table else None,
        energy=_energy(table.table("energy")) if "energy" in table else None,
        serial=_serial(table.table("serial")) if "serial" in table else None,
        image=_image(table.table("image")) if "image" in table else None,
        usb=_usb(table.table("usb")) if "usb" in table else (),
        flashers=_flashers(table) if "flashers" in table else {},
        runtimes=_runtimes(table.table("runtimes")) if "runtimes" in table else {},
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


def _serial(table: toml.Table) -> Serial:
    driver = table.text("driver", choices=SERIAL_DRIVERS)
    address = table.integer("address", 0, _ADDRESS_LIMIT - 1) if driver != "stdio" else 0
    table.done()
    return Serial(driver, address)


def _image(table: toml.Table) -> ImageConfig:
    formats = table.texts("formats")
    if not formats:
        raise table.error("formats", "is empty", f"list some of: {', '.join(FORMATS)}")
    for name in formats:
        if name not in FORMATS:
            raise table.error("formats", f"has {name!r:.60}", f"use some of: {', '.join(FORMATS)}")
    family = table.integer("uf2_family", 0, _ADDRESS_LIMIT - 1) if "uf2" in formats else None
    table.done()
    return ImageConfig(formats, family)


def _usb(table: toml.Table) -> tuple[str, ...]:
    ids = table.texts("ids")
    for each in ids:
        if not _USB_ID.fullmatch(each):
            raise table.error("ids", f"has {each!r:.60}", 'write vendor and product in hex: "0483:374b"')
    table.done()
    return ids


def _flashers(table: toml.Table) -> dict[str, dict[str, Any]]:
    tools = table.table("flashers")
    flashers = {}
    for name in iter(tools.keys()):
        if name not in FLASHERS:
            raise tools.error(name, "is no tool that flashes", f"use one of: {', '.join(FLASHERS)}")
        flashers[name] = tools.values(name)
    return flashers


def _runtimes(table: toml.Table) -> dict[str, tuple[str, ...]]:
    found = {}
    for name in iter(table.keys()):
        if name not in RUNTIMES:
            raise table.error(name, "is no runtime", f"use one of: {', '.join(RUNTIMES)}")
        found[name] = table.texts(name)
        if not found[name]:
            raise table.error(name, "is empty", f"use some of: {', '.join(RUNTIMES[name])}")
        for backend in found[name]:
            if backend not in RUNTIMES[name]:
                raise table.error(name, f"has {backend!r:.60}", f"use some of: {', '.join(RUNTIMES[name])}")
    return found
