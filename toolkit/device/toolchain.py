"""Find a C compiler for a target: Zig's clang from PyPI by default, GCC or the host's own when asked for."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from toolkit.device import install
from toolkit.device.targets import Target
from toolkit.errors import MISSING, ToolkitError

DEFAULT = "zig"

# Zig turns the undefined behaviour sanitizer and stack protectors on; a device image has room for neither.
_ZIG_FLAGS = ("-fno-sanitize=undefined", "-fno-stack-protector")
# Every section apart, so that the linker drops what a model does not use.
_BARE_METAL_FLAGS = ("-ffreestanding", "-ffunction-sections", "-fdata-sections", "-fno-unwind-tables",
                     "-fno-asynchronous-unwind-tables")  # fmt: skip
_BARE_METAL_LINK_FLAGS = ("-nostdlib", "-static", "-Wl,--gc-sections", "-Wl,-e,tk_reset")
_AVR_LIBC_LINK_FLAGS = ("-Wl,--gc-sections",)  # which starts the program, and has what the core cannot do


@dataclass(frozen=True)
class Toolchain:
    """A compiler found for one target: append arguments to ``command``; run it with ``environment``."""

    name: str
    command: tuple[str, ...]
    link_flags: tuple[str, ...]
    libraries: tuple[str, ...]  # behind the objects
    environment: dict[str, str]


def find(target: Target, name: str | None = None) -> Toolchain:
    """Return the toolchain ``name`` for ``target``: unless told Zig, or where it cannot, the first that is listed.

    Raises:
        ToolkitError: the target knows no such toolchain (exit code 2), or it is not installed (exit code 3).
    """
    if not target.compilers:
        raise ToolkitError(
            f"no compiler here builds for {target.name}, a core of the kind {target.arch}",
            at=str(target.folder / "target.toml"),
            fix="export a project that its own tools build: toolkit export MODEL --target "
            f"{target.name} --project esp-idf -o DIR",
        )
    name = name or (DEFAULT if DEFAULT in target.compilers else next(iter(target.compilers)))
    if name not in target.compilers:
        raise ToolkitError(
            f"{target.name} has no toolchain {name!r}", fix=f"use one of: {', '.join(target.compilers)}"
        )
    compiler = target.compilers[name]
    flags = compiler.flags + (_BARE_METAL_FLAGS if target.bare_metal else ())
    link_flags, libraries = _linking(target, name)
    if name == "zig":
        return Toolchain(
            name, (*zig_command(), "cc", *flags, *_ZIG_FLAGS), link_flags, libraries, zig_environment()
        )
    program = shutil.which(compiler.command[0])
    if program is None:
        raise ToolkitError(
            f"the compiler {compiler.command[0]} is not installed",
            fix=install.line(compiler.package)
            + (", or build with --toolchain zig" if DEFAULT in target.compilers else ""),
            exit_code=MISSING,
        )
    return Toolchain(name, (program, *compiler.command[1:], *flags), link_flags, libraries, dict(os.environ))


def _linking(target: Target, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return flags, and what a core cannot do by itself: division, 64-bit multiplication, floating point."""
    if not target.bare_metal:
        return (), ()
    if target.startup == "avr_libc":
        return _AVR_LIBC_LINK_FLAGS, ()
    return _BARE_METAL_LINK_FLAGS, ("-lcompiler_rt" if name == "zig" else "-lgcc",)


def zig_command() -> tuple[str, ...]:
    """Return the command of the Zig that PyPI's ``ziglang`` brings. Raises ``ToolkitError`` when it is missing."""
    package = importlib.util.find_spec("ziglang")
    if package is None or not package.submodule_search_locations:
        raise ToolkitError(
            "Zig is not installed", fix=f"{sys.executable} -m pip install ziglang", exit_code=MISSING
        )
    # The program itself: `python -m ziglang` takes as long to start as Zig takes to compile a short file.
    return (
        str(Path(package.submodule_search_locations[0]) / ("zig.exe" if sys.platform == "win32" else "zig")),
    )


def zig_environment() -> dict[str, str]:
    """Return the environment for Zig, its caches in this user's cache folder so that later builds are quick."""
    cache = Path(
        os.environ.get("ZIG_GLOBAL_CACHE_DIR") or platformdirs.user_cache_path("edge-toolkit") / "zig"
    )
    return {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}
