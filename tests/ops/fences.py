"""Fences around everything that a kernel is given, so that no read or write beyond it goes unseen.

Buffers lie apart in the arena, and every constant has room behind it. On this machine AddressSanitizer is told of the
gaps (``poison``); on an emulated core a plugin of QEMU watches them (``crossings``).
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.backends.c import Source, emit
from toolkit.device.build import Image
from toolkit.device.elf import Elf
from toolkit.device.emulators import base, qemu
from toolkit.device.targets import Target
from toolkit.kernels import implementation
from toolkit.lower.arena import ALIGNMENT, Arena, place
from toolkit.lower.ir import Model

WIDTH = 64  # bytes: a multiple of the alignment, and of a vector register
PLUGIN = Path(__file__).with_name("fence_plugin.c")
_CONSTANT = re.compile(r"^static const TK_ROM (\w+) (\w+)\[(\d+)\] TK_WEIGHTS", re.MULTILINE)
_SIZES = {"int8_t": 1, "uint8_t": 1, "int16_t": 2, "uint16_t": 2, "int64_t": 8}  # others have four bytes


@dataclass(frozen=True)
class Fence:
    """``bytes`` from ``start`` on of a variable in C that nothing may touch."""

    variable: str
    start: int
    bytes: int


def fenced(model: Model) -> tuple[Source, list[Fence]]:
    """Return the C of a model of one step whose buffers and constants have fences, and those."""
    arena = _apart(place(model))
    source = emit(model, arena=arena)
    fences = _between(model, arena)
    for ctype, name, count in _CONSTANT.findall(source.model_c):
        fences.append(Fence(name, int(count) * _SIZES.get(ctype, 4), WIDTH))
    wider = _CONSTANT.sub(rf"static const TK_ROM \1 \2[\3 + {WIDTH} / sizeof(\1)] TK_WEIGHTS", source.model_c)
    return replace(source, model_c=wider), fences


def _apart(arena: Arena) -> Arena:
    """Return the buffers one behind the other, a fence in front of each and one behind the last."""
    offsets, at = {}, WIDTH
    for buffer in arena.buffers:
        offsets[buffer.name] = at
        at += -(-buffer.bytes // ALIGNMENT) * ALIGNMENT + WIDTH
    return replace(arena, plan=replace(arena.plan, offsets=offsets, arena_bytes=at))


def _between(model: Model, arena: Arena) -> list[Fence]:
    """Return the gaps between the buffers; what a kernel says that it reads behind its input is no gap."""
    (step,) = model.steps
    behind = {
        arena.storage[id(v)].buffer: implementation(step).reads_behind(step) for v in step.activations[:1]
    }
    fences, start = [], 0
    for buffer in arena.buffers:
        first = arena.plan.offsets[buffer.name]
        fences.append(Fence(f"{model.name}_arena", start, first - start))
        start = first + buffer.bytes + behind.get(buffer.name, 0)
    return [*fences, Fence(f"{model.name}_arena", start, arena.plan.arena_bytes - start)]


def poison(fences: list[Fence]) -> str:
    """Return a function in C that tells AddressSanitizer of the fences."""
    lines = "".join(
        f"    ASAN_POISON_MEMORY_REGION((const char *){f.variable} + {f.start}, {f.bytes});\n" for f in fences
    )
    return f"""#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>

static void poison(void) {{
{lines}}}
#else
static void poison(void) {{}}
#endif
"""


def crossings(image: Image, target: Target, sample: bytes, fences: list[Fence]) -> tuple[bytes, list[str]]:
    """Run an image under QEMU; return its output, and a line for every instruction that touches a fence."""
    program = shutil.which(target.emulators["qemu"].command)
    assert program is not None, f"apt-get install {target.emulators['qemu'].package}"
    job = base.Job(image.path, target, sample, False, 120)
    known = job.elf.by_name
    assert {f.variable for f in fences if f.variable.endswith("_arena")} <= set(known)
    begin = {known[f.variable].address + f.start: f for f in fences if f.variable in known}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "input.bin").write_bytes(sample)
        lines = [f"{at:x} {fence.bytes:x}\n" for at, fence in sorted(begin.items())]
        (folder / "fences").write_text("".join(lines), encoding="ascii")
        start = f"{known['model_run'].address:x}"
        options = {"fences": folder / "fences", "out": folder / "crossings", "start": start}
        assert qemu.run_plugged(program, job, folder, PLUGIN, options) is not None
        *crossed, watched = (folder / "crossings").read_text(encoding="ascii").splitlines()
        assert int(watched.removeprefix("watched ")) > 0
        return (folder / "output.bin").read_bytes(), [_told(line, job.elf, begin) for line in crossed]


def _told(line: str, elf: Elf, begin: dict[int, Fence]) -> str:
    pc, address = (int(word, 16) for word in line.split())
    function = elf.function_at(pc)
    at = max(at for at in begin if at <= address)
    fence = begin[at]
    where = f"{function.name if function else 'something'} at {pc:#x}"
    return f"{where} touches byte {fence.start + address - at} of {fence.variable}, a fence from {fence.start} on"
