"""Run an image on its target's emulator, or on this machine, over a list of samples."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.device.build import Image
from toolkit.device.emulators import base
from toolkit.device.profile import Profile
from toolkit.device.targets import Target
from toolkit.errors import DEVICE, ToolkitError

DEFAULT_TIMEOUT_S = 120.0
_MODULES = {"unicorn": "unicorn_core", "qemu": "qemu", "native": "native", "simavr": "simavr"}


@dataclass(frozen=True)
class TraceEntry:
    """One layer's output in one inference, as the device wrote it."""

    layer: int
    data: bytes


@dataclass(frozen=True)
class RunResult:
    """What came back: one output per sample (all output tensors joined), and what was watched.

    ``trace`` holds one list of layers per sample, from a trace build only. ``stack_bytes_used`` is the high-water
    mark, on bare metal only. ``profile`` is None unless asked for and possible.
    """

    outputs: list[bytes]
    trace: list[list[TraceEntry]] | None
    stack_bytes_used: int | None
    profile: Profile | None
    emulator: str


def run(
    image: Image,
    target: Target,
    samples: Sequence[bytes],
    *,
    emulator: str | None = None,
    profile: bool = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> RunResult:
    """Run ``image`` on every sample (all its input tensors' bytes joined) and return the outputs in order.

    Raises:
        ToolkitError: the target has no such emulator (2), it is not installed (3), the device faulted, ran out of
            stack, hung or stopped early (4).
    """
    if not samples:
        raise ToolkitError("there is no sample to run", fix="give at least one input")
    for index, sample in enumerate(samples):
        if len(sample) != image.input_bytes:
            raise ToolkitError(
                f"sample {index} has {len(sample):,} bytes, and the model takes {image.input_bytes:,}",
                at=str(image.path),
                fix="give every sample all input tensors, joined",
            )
    job = base.Job(image.path, target, b"".join(samples), profile, timeout_s, image.prefix)
    finished, name = emulate(job, emulator)
    return RunResult(
        outputs=_split(finished.files.get("output.bin", b""), len(samples), image),
        trace=_parse_trace(finished.files["trace.bin"], len(samples))
        if "trace.bin" in finished.files
        else None,
        stack_bytes_used=_stack(finished.files.get("stack.bin"), job, name),
        profile=finished.profile,
        emulator=name,
    )


def emulate(job: base.Job, emulator: str | None = None) -> tuple[base.Finished, str]:
    """Run a job on its target's emulator, the default one unless named; return what it left, and which one it was.

    Raises:
        ToolkitError: as ``run``.
    """
    target = job.target
    name = emulator or target.default_emulator
    if name not in target.emulators:
        raise ToolkitError(
            f"{target.name} cannot be emulated by {name!r}", fix=f"use one of: {', '.join(target.emulators)}"
        )
    finished: base.Finished = importlib.import_module(f"toolkit.device.emulators.{_MODULES[name]}").run(job)
    return finished, name


def _split(data: bytes, count: int, image: Image) -> list[bytes]:
    size = image.output_bytes
    if len(data) != size * count:
        raise ToolkitError(
            f"the device wrote {len(data):,} bytes for {count:,} samples, and not {size:,} for each",
            at=str(image.path),
            fix="export the bundle again",
            exit_code=DEVICE,
        )
    return [data[size * i : size * (i + 1)] for i in range(count)]


def _parse_trace(data: bytes, count: int) -> list[list[TraceEntry]]:
    entries = []
    offset = 0
    while offset < len(data):
        if len(data) - offset < 8:
            raise _cut_trace()
        layer, size = struct.unpack_from("<II", data, offset)
        offset += 8
        if len(data) - offset < size:
            raise _cut_trace()
        entries.append(TraceEntry(layer, data[offset : offset + size]))
        offset += size
    per_sample, rest = divmod(len(entries), count)
    if rest:
        raise _cut_trace()
    return [entries[per_sample * i : per_sample * (i + 1)] for i in range(count)]


def _cut_trace() -> ToolkitError:
    return ToolkitError("trace.bin is cut short", fix="run again with fewer samples", exit_code=DEVICE)


def _stack(stack: bytes | None, job: base.Job, emulator: str) -> int | None:
    if stack is None:
        return None
    # Below the stack is nothing, so that an overflow faults. But some of QEMU's boards take accesses there: see what
    # was written at the very bottom as an overflow.
    guard = 128 if emulator == "qemu" else 1
    used = len(stack) - base.untouched(stack)
    if used > len(stack) - guard:
        raise base.overflow(job.target, job.elf, None)
    return used
