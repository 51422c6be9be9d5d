"""A hash of this package's own code, so that what old code made is made anew."""

from __future__ import annotations

import hashlib
from pathlib import Path

from toolkit import paths

_SUFFIXES = (".py", ".h", ".c", ".ld", ".toml", ".j2", ".css")
_PACKAGE = Path(__file__).resolve().parent


def digest(source: str = "") -> str:
    """Return the hash of a file or folder of code: of this package, or all of ``quantize``, ``runtime`` or ``targets``.

    Args:
        source: a path in this package, all of it by default.
    """
    known = {
        "quantize": lambda: _PACKAGE.parent / "quantize",
        "runtime": paths.runtime_dir,
        "targets": paths.targets_dir,
    }
    root = known[source]() if source in known else _PACKAGE / source
    files = [root] if root.is_file() else sorted(file for file in root.rglob("*") if file.suffix in _SUFFIXES)
    if not files:
        raise FileNotFoundError(f"a stage names the code {source}, which is not there")
    found = hashlib.sha256()
    for file in files:
        found.update(file.relative_to(root.parent).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()
