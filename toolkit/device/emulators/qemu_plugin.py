"""Build the QEMU plugin that counts basic blocks, and read what it counted."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs

from toolkit import atomic
from toolkit.device.elf import Elf
from toolkit.device.emulators import lengths
from toolkit.device.profile import Landmarks, Profile, collect
from toolkit.device.toolchain import zig_command, zig_environment
from toolkit.errors import ToolkitError

SOURCE = Path(__file__).with_name("block_plugin.c")
# The versions of the plugin interface, by the first QEMU that refuses older ones, newest QEMU last.
VERSIONS = (1, 2, 3, 4, 5, 6)
_BUILD_TIMEOUT_S = 120


def library(version: int) -> Path | None:
    """Return the plugin, built for one version of QEMU's interface; None where it cannot be built."""
    if sys.platform == "win32":  # QEMU has no plugins there
        return None
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    built = _cache() / f"blocks-{digest}-v{version}.so"
    if built.is_file():
        return built
    options = ["-shared", "-fPIC", "-O2", f"-DPLUGIN_VERSION={version}", str(SOURCE)]
    if sys.platform == "darwin":
        options.append("-Wl,-undefined,dynamic_lookup")
    with contextlib.suppress(ToolkitError, OSError, subprocess.SubprocessError):
        for command, environment in _compilers():
            with atomic.replacing(built) as new:
                result = subprocess.run(
                    [*command, *options, "-o", str(new)],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_BUILD_TIMEOUT_S,
                )
                if result.returncode:
                    raise ToolkitError(f"{command[0]} cannot build the plugin")
            return built
    return None


def _cache() -> Path:
    return platformdirs.user_cache_path("edge-toolkit") / "qemu"


def _compilers() -> list[tuple[tuple[str, ...], dict[str, str] | None]]:
    """The host's own compiler before Zig, whose libraries may want another C library than QEMU's."""
    found: list[tuple[tuple[str, ...], dict[str, str] | None]] = []
    for name in ("cc", "gcc", "clang"):
        if program := shutil.which(name):
            found.append(((program,), None))
    with contextlib.suppress(ToolkitError):
        found.append(((*zig_command(), "cc", "-fno-sanitize=undefined"), zig_environment()))
    return found


def write_marks(file: Path, marks: Landmarks) -> list[str]:
    """Write the landmarks for the plugin; return the layers' names in the order of their numbers."""
    lines = [
        f"body {marks.body.start:x} {marks.body.stop:x}",
        f"caller {marks.caller.start:x} {marks.caller.stop:x}",
        *(f"layer {address:x} 0" for address in marks.layers),
    ]
    file.write_text("\n".join(lines) + "\n", encoding="ascii")
    return list(marks.layers.values())


def read_counts(file: Path, layers: list[str], elf: Elf) -> Profile:
    """Return what the plugin counted. QEMU may translate a block more than once; its counts are joined."""
    head, *lines = file.read_text(encoding="ascii").splitlines()
    joined: dict[tuple[int, int, int, int], list[int]] = {}
    for line in lines:
        layer, address, instructions, last, count, two, four = map(int, line.split())
        length = lengths.length(elf.machine, elf.code(last, 2))
        entry = joined.setdefault((layer, address, instructions, last + length - address), [0, 0])
        entry[0] += count
        entry[1] += count - (two if length == 2 else four)
    return collect(
        (
            (layers[layer] if layer >= 0 else None, address, instructions, size, count, jumped)
            for (layer, address, instructions, size), (count, jumped) in joined.items()
        ),
        int(head.split()[1]),
    )
