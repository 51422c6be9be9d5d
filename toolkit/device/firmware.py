"""The C files and the linker script that turn a model into a program for a target."""

from __future__ import annotations

from toolkit import paths
from toolkit.device import linker
from toolkit.device.targets import Target


def files(target: Target) -> dict[str, str]:
    """Return the texts of ``main.c`` and, on bare metal, ``startup.c``, ``libc.c`` and ``link.ld``, by file name."""
    if not target.bare_metal:
        return {"main.c": harness("main_stdio.c")}
    return {
        "main.c": harness("main_semihosting.c"),
        "startup.c": harness(f"startup_{target.startup}.c"),
        "libc.c": harness("libc.c"),
        "link.ld": linker.script(target),
    }


def harness(name: str) -> str:
    """Return the text of a file of the harness."""
    return (paths.runtime_dir() / "harness" / name).read_text(encoding="utf-8")
