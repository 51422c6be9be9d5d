"""Which files a model is, and a hash of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from toolkit.errors import ToolkitError

MANIFEST = "manifest.json"
_MADE_HERE = ("build", ".git", "__pycache__")  # folders of a bundle that are made of the rest


def bundle_in(folder: Path) -> Path | None:
    """Return the bundle that ``folder`` is, or that of the project in it; None where there is none."""
    if (folder / MANIFEST).is_file():
        return folder
    made = folder / "build" / "bundle"
    return made if (folder / "toolkit.toml").is_file() and (made / MANIFEST).is_file() else None


def digest(path: Path) -> str:
    """Return the hash of a model's files. Raises ``ToolkitError`` when there are none, or they cannot be read."""
    found = hashlib.sha256()
    try:
        files = _files(path)
        for file in files:
            with file.open("rb") as opened:
                content = hashlib.file_digest(opened, "sha256").hexdigest()
            found.update(
                f"{file.relative_to(path if path.is_dir() else path.parent).as_posix()}\0{content}\0".encode()
            )
    except OSError as error:
        raise ToolkitError(f"cannot read {path}: {error.strerror or error}") from error
    if not files:
        raise ToolkitError(f"there is no model at {path}", fix="check the path")
    return found.hexdigest()


def _files(path: Path) -> list[Path]:
    """Return the files that a model is: of a folder those not made of the others, of a file also those it names."""
    if path.is_dir():
        inside = (file for file in sorted(path.rglob("*")) if file.is_file() and file.suffix != ".html")
        return [file for file in inside if not set(file.relative_to(path).parts) & set(_MADE_HERE)]
    if path.suffix.lower() == ".safetensors":
        return [file for file in (path, path.with_name("config.json")) if file.is_file()]
    if path.suffix.lower() == ".onnx" and path.is_file():  # weights may lie in files beside it
        data = path.read_bytes()
        beside = (file for file in sorted(path.parent.iterdir()) if file.is_file() and file != path)
        return [path, *(file for file in beside if file.name.encode() in data)]
    return [path] if path.is_file() else []
