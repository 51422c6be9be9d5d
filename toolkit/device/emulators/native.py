"""Run an image as a program of this machine."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from toolkit.device.emulators import base
from toolkit.errors import DEVICE, USAGE, ToolkitError

_FILES = ("output.bin", "trace.bin")


def run(job: base.Job) -> base.Finished:
    """Run an image to its end; there is no profile. Raises ``ToolkitError`` (4) when it fails or takes too long."""
    if not runs_here(job.target.arch):
        raise ToolkitError(
            f"this machine ({sys.platform} {platform.machine()}) cannot run programs for {job.target.name}",
            fix="use --emulator qemu",
            exit_code=USAGE,
        )
    with tempfile.TemporaryDirectory(prefix="toolkit-native-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "input.bin").write_bytes(job.input)
        try:
            with base.following(job, folder):
                result = subprocess.run(
                    [str(job.path.resolve())],
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=job.timeout_s,
                )
        except subprocess.TimeoutExpired as error:
            raise ToolkitError(
                f"the program was still running after {job.timeout_s:g} s",
                at=str(job.path),
                fix="give it more time with --timeout, or fewer samples",
                exit_code=DEVICE,
            ) from error
        except OSError as error:
            raise ToolkitError(
                f"cannot start {job.path}: {error.strerror}", fix="build it again", exit_code=DEVICE
            ) from error
        if result.returncode:
            raise ToolkitError(
                f"the program failed with exit status {result.returncode}: {result.stderr.strip()[-500:]}",
                at=str(job.path),
                exit_code=DEVICE,
            )
        files = {name: (folder / name).read_bytes() for name in _FILES if (folder / name).is_file()}
    return base.Finished(files, None)


_MACHINES = {
    "x86_64": ("linux", ("x86_64", "AMD64")),
    "aarch64": ("linux", ("aarch64", "arm64")),
    "arm64-apple": ("darwin", ("arm64",)),
    "armv6": ("linux", ("armv6l", "armv7l")),
}


def runs_here(arch: str) -> bool:
    """Return True when this machine runs programs for ``arch`` itself."""
    system, machines = _MACHINES.get(arch, ("", ()))
    return arch == "host" or (sys.platform == system and platform.machine() in machines)
