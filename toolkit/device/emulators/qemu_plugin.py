"""Build the QEMU plugin that counts basic blocks, and read what it counted."""

from __future__ import annotations

import sys
from pathlib import Path

from toolkit.device.elf import Elf
from toolkit.device.emulators import host_program, lengths
from toolkit.device.profile import Landmarks, Profile, collect

SOURCE = Path(__file__).with_name("block_plugin.c")
# The versions of the plugin interface, by the first QEMU that refuses older ones, newest QEMU last.
VERSIONS = (1, 2, 3, 4, 5, 6)


def library(version: int, source: Path = SOURCE) -> Path | None:
    """Return a plugin, built for one version of QEMU's interface; None where it cannot be built."""
    if sys.platform == "win32":  # QEMU has no plugins there
        return None
    options = ["-shared", "-fPIC", "-O2", f"-DPLUGIN_VERSION={version}"]
    if sys.platform == "darwin":
        options.append("-Wl,-undefined,dynamic_lookup")
    return host_program.built(source, f"-v{version}.so", options)[0]


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
