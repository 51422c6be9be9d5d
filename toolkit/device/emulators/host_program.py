"""Build a C file for this machine, once: an emulator's plugin, or a program that runs an emulator's library."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from toolkit import atomic
from toolkit.device.toolchain import zig_command, zig_environment
from toolkit.errors import ToolkitError

_BUILD_TIMEOUT_S = 120


def built(
    source: Path, ending: str, options: Sequence[str], libraries: Sequence[str] = ()
) -> tuple[Path | None, str]:
    """Return the file that ``source`` is compiled to, or None and what the last compiler said.

    Args:
        source: a C file; its content and that of the headers beside it are part of the result's name, which lies in
            this user's cache folder.
        ending: of the result's name; tells versions of one source apart.
        options: of the compiler, in front of the source.
        libraries: behind it.
    """
    texts = [file.read_bytes() for file in (source, *sorted(source.parent.glob("*.h")))]
    digest = hashlib.sha256(b"".join(texts)).hexdigest()[:16]
    result = _cache() / f"{source.stem}-{digest}{ending}"
    if result.is_file():
        return result, ""
    said = "there is no C compiler for this machine"
    for command, environment in _compilers():
        with contextlib.suppress(ToolkitError, OSError, subprocess.SubprocessError):
            with atomic.replacing(result) as new:
                done = subprocess.run(
                    [*command, *options, str(source), "-o", str(new), *libraries],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=_BUILD_TIMEOUT_S,
                )
                if done.returncode:
                    said = done.stderr.strip()[:1000]
                    raise ToolkitError(f"{command[0]} cannot build {source.name}")
            return result, ""
    return None, said


def _cache() -> Path:
    return platformdirs.user_cache_path("edge-toolkit") / "emulators"


def _compilers() -> list[tuple[tuple[str, ...], dict[str, str] | None]]:
    """The host's own compiler before Zig, whose libraries may want another C library than the emulator's."""
    found: list[tuple[tuple[str, ...], dict[str, str] | None]] = []
    for name in ("cc", "gcc", "clang"):
        if program := shutil.which(name):
            found.append(((program,), None))
    with contextlib.suppress(ToolkitError):
        found.append(((*zig_command(), "cc", "-fno-sanitize=undefined"), zig_environment()))
    return found
