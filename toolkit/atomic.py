"""Write files and folders so that a crash or a full disk leaves no half-written output."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from toolkit.errors import ToolkitError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it takes ``path``'s place, on failure it is removed.

    Missing folders above ``path`` are made, and removed again on failure. The block may make a file or a folder there.
    An ``OSError`` becomes a ``ToolkitError`` that names the path.
    """
    path = Path(path)
    scratch: Path | None = None
    missing = [folder for folder in path.parents if not folder.exists()]  # innermost first
    done = False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        new = scratch / path.name
        yield new
        if path.is_dir() and not path.is_symlink():
            os.rename(path, scratch / "old")
        os.replace(new, path)
        done = True
    except OSError as error:
        raise ToolkitError(
            f"cannot write {path}: {error.strerror or error}",
            fix="free some space or choose another place with -o",
        ) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
        for folder in missing if not done else ():
            with suppress(OSError):  # never made, or in use by somebody else now
                folder.rmdir()


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8 with ``\\n`` line ends, whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all."""
    with replacing(path) as new:
        new.write_bytes(data)
