"""Run an image on an AVR of simavr, which counts every instruction's cycles exactly."""

from __future__ import annotations

import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from toolkit.device import install
from toolkit.device.elf import Elf
from toolkit.device.emulators import base, host_program, lengths
from toolkit.device.emulators.qemu_plugin import write_marks
from toolkit.device.profile import Landmarks, Profile, collect
from toolkit.errors import DEVICE, MISSING, ToolkitError

SOURCE = Path(__file__).with_name("simavr_runner.c")
CYCLES_SOURCE = "simavr, instruction by instruction"
DATA_SPACE = 0x80_0000  # where AVR's tools put addresses of data
_FILES = ("output.bin", "stack.bin", "trace.bin")


def run(job: base.Job) -> base.Finished:
    """Run an image to its end; the profile has exact cycles.

    Raises:
        ToolkitError: simavr is not installed (3), the program crashed, left its stack or did not end in time (4).
    """
    config = job.target.emulators["simavr"]
    program, limit = runner(SOURCE, config.package), stack_limit(job.elf)
    with tempfile.TemporaryDirectory(prefix="toolkit-simavr-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "flash.bin").write_bytes(flash(job.elf))
        (folder / "input.bin").write_bytes(job.input)
        layers = write_marks(folder / "marks", Landmarks.of(job.elf, job.prefix)) if job.profile else []
        command = [str(program), config.cpu, str(job.target.clock_hz), str(limit), str(int(job.timeout_s))]
        try:
            with base.following(job, folder):
                result = subprocess.run(
                    command,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=job.timeout_s + 5,
                )
        except subprocess.TimeoutExpired as error:
            raise base.hang(job.elf, job.timeout_s, None) from error
        _check(result, job)
        profile = _read_counts(folder / "counts", layers, job.elf) if job.profile else None
        files = {name: (folder / name).read_bytes() for name in _FILES}
    if not files["trace.bin"]:
        del files["trace.bin"]
    return base.Finished(files, profile)


def flash(image: Elf) -> bytes:
    """Return what an image puts into flash, from address 0 on."""
    content = bytearray()
    for segment in image.segments:
        if segment.address < DATA_SPACE:
            content.extend(b"\xff" * (segment.address + len(segment.data) - len(content)))
            content[segment.address : segment.address + len(segment.data)] = segment.data
    return bytes(content)


def stack_limit(image: Elf) -> int:
    """Return the lowest address of data that may be stack, as the core numbers it."""
    return image.by_name["tk_stack_limit"].address - DATA_SPACE


def is_there() -> bool:
    """Return True when programs that use libsimavr can be built here."""
    return _build(SOURCE)[0] is not None


def runner(source: Path, package: str) -> Path:
    """Return the program that ``source`` and libsimavr make. Raises ``ToolkitError`` (3) when it cannot be built."""
    program, said = _build(source)
    if program is None:
        raise ToolkitError(
            f"cannot build what runs simavr: {said}", fix=install.line(package), exit_code=MISSING
        )
    return program


def _build(source: Path) -> tuple[Path | None, str]:
    return host_program.built(source, ".exe", ["-O2"], ["-lsimavr"])


def failure(said: str, job: base.Job) -> ToolkitError | None:
    """Return the error that a runner's last line stands for, or None when it stands for none."""
    what, _, place = said.strip().rpartition(" ")
    if what == "overflow":
        return base.overflow(job.target, job.elf, int(place, 16))
    if what == "hang":
        return base.hang(job.elf, job.timeout_s, int(place, 16))
    if what == "crashed":
        return base.fault(job.elf, "the device faulted: it ran or wrote where nothing is", int(place, 16))
    return None


def _check(result: subprocess.CompletedProcess[str], job: base.Job) -> None:
    if result.returncode:
        why = result.stderr.strip()[-500:] or f"exit status {result.returncode}"
        raise failure(result.stderr, job) or ToolkitError(
            f"simavr failed: {why}", at=str(job.path), exit_code=DEVICE
        )


def _read_counts(file: Path, layers: list[str], image: Elf) -> Profile:
    head, *lines = file.read_text(encoding="ascii").splitlines()
    rows, cycles = [], defaultdict[str | None, int](int)
    for line in lines:
        layer, address, count, taken = map(int, line.split())
        name = layers[layer] if layer >= 0 else None
        rows.append((name, address, 1, lengths.length(image.machine, image.code(address, 2)), count, 0))
        cycles[name] += taken
    return collect(rows, int(head.split()[1]), cycles)
