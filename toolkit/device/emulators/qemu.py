"""Run an image under QEMU: a whole board for bare metal, user mode for Linux programs."""

from __future__ import annotations

import contextlib
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from toolkit.device import install
from toolkit.device.emulators import base, qemu_plugin
from toolkit.device.profile import Landmarks, Profile
from toolkit.errors import MISSING, ToolkitError

_FILES = ("output.bin", "stack.bin", "trace.bin")
_THUMB_STATE = 1 << 24  # set in every stacked xPSR
_WRONG_VERSION = "API version"
_PC = re.compile(r"(?:R15=| pc +|PC=)([0-9a-fA-F]+)")


def run(job: base.Job) -> base.Finished:
    """Run an image to its end.

    Raises:
        ToolkitError: QEMU is not installed (3), the program faulted or did not end in time (4).
    """
    config = job.target.emulators["qemu"]
    program = shutil.which(config.command)
    if program is None:
        raise ToolkitError(
            f"{config.command} is not installed", fix=install.line(config.package), exit_code=MISSING
        )
    with tempfile.TemporaryDirectory(prefix="toolkit-qemu-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "input.bin").write_bytes(job.input)
        profile = _run_counting(program, job, folder) if job.profile else None
        if profile is None:
            with base.following(job, folder):
                result = _execute(program, job, folder, [])
            _check(result, job, folder)
        files = {name: (folder / name).read_bytes() for name in _FILES if (folder / name).is_file()}
    return base.Finished(files, profile)


def _run_counting(program: str, job: base.Job, folder: Path) -> Profile | None:
    """Run with the plugin; return None where this QEMU or this machine cannot."""
    layers = qemu_plugin.write_marks(folder / "marks", Landmarks.of(job.elf, job.prefix))
    options = {"marks": folder / "marks", "out": folder / "counts"}
    result = run_plugged(program, job, folder, qemu_plugin.SOURCE, options)
    if result is None:
        return None
    _check(result, job, folder)
    return qemu_plugin.read_counts(folder / "counts", layers, job.elf)


def run_plugged(
    program: str, job: base.Job, folder: Path, source: Path, options: Mapping[str, object]
) -> subprocess.CompletedProcess[str] | None:
    """Run in ``folder`` with a plugin built of ``source``, whose option ``out`` names the file that it writes.

    Returns None where this QEMU or this machine cannot.
    """
    for version in qemu_plugin.VERSIONS:
        library = qemu_plugin.library(version, source)
        if library is None:
            return None
        # a comma in a path is written twice
        plugin = ",".join(
            f"{key}={str(value).replace(',', ',,')}" for key, value in {"file": library, **options}.items()
        )
        result = _execute(program, job, folder, ["-plugin", plugin])
        if Path(str(options["out"])).is_file():
            return result
        if _WRONG_VERSION not in result.stderr:
            return None
    return None


def _command(program: str, job: base.Job) -> list[str]:
    config = job.target.emulators["qemu"]
    image = str(job.elf.path.resolve())
    if not job.target.bare_metal:
        return [program, *config.args, image]
    return [
        program,
        *("-M", config.machine),
        *config.args,
        *("-semihosting-config", "enable=on,target=native"),
        *("-display", "none", "-serial", "none", "-monitor", "stdio"),
        *("-kernel", image),
    ]


def _execute(
    program: str, job: base.Job, folder: Path, plugin: list[str]
) -> subprocess.CompletedProcess[str]:
    command = _command(program, job)
    command[1:1] = plugin
    # Files rather than pipes, so that a running board's monitor can still be asked after a timeout.
    with (folder / "stdout").open("w") as out, (folder / "stderr").open("w") as err:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=out, stderr=err, text=True
        )
        try:
            process.wait(timeout=job.timeout_s)
        except subprocess.TimeoutExpired as error:
            pc = _ask_where(process, folder) if job.target.bare_metal else None
            raise base.hang(job.elf, job.timeout_s, pc) from error
        finally:
            process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()
    return subprocess.CompletedProcess(
        command, process.returncode, _text(folder, "stdout"), _text(folder, "stderr")
    )


def _text(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8", errors="replace")


def _ask_where(process: subprocess.Popen[str], folder: Path) -> int | None:
    """Ask a running board's monitor for the program counter."""
    with contextlib.suppress(subprocess.TimeoutExpired, OSError):
        process.communicate("info registers\nquit\n", timeout=5)
    return _program_counter(_text(folder, "stdout"))


def _program_counter(text: str) -> int | None:
    match = _PC.search(text)
    return int(match[1], 16) if match else None


def _check(result: subprocess.CompletedProcess[str], job: base.Job, folder: Path) -> None:
    fault = folder / "fault.bin"
    if fault.is_file():
        raise _fault(job, fault.read_bytes())
    if result.returncode:
        why = result.stderr.strip()[-500:] or f"exit status {result.returncode}"
        raise base.fault(job.elf, f"the device faulted: QEMU says: {why}", _program_counter(result.stderr))


def _fault(job: base.Job, frame: bytes) -> ToolkitError:
    """Read what startup code wrote: a Cortex-M's stacked frame, or RISC-V's (mepc, mcause, mtval, sp)."""
    words = struct.unpack(f"<{len(frame) // 4}I", frame[: len(frame) // 4 * 4])
    if job.target.startup == "riscv" and len(words) == 4:
        pc, cause, value, sp = words
        if base.outside_stack(sp, job.target.regions()[1]):
            return base.overflow(job.target, job.elf, pc)
        return base.fault(job.elf, f"the device faulted: cause {cause}, value {value:#010x}", pc)
    if len(words) == 8 and words[7] & _THUMB_STATE:
        return base.fault(job.elf, "the device faulted: a hard fault", words[6])
    # There is no frame where the stack pointer points: it is outside RAM.
    return base.overflow(job.target, job.elf, None)
