"""Where the data that ships with the package lies, in a checkout and in an install."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _data(name: str) -> Path:
    """Return the folder ``name``, beside the package in a checkout or inside it in a wheel."""
    for folder in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"{name}/ is neither in {_PACKAGE / '_data'} nor beside {_PACKAGE}; reinstall edge-toolkit"
    )


def targets_dir() -> Path:
    """Return the folder that holds one folder per target."""
    return _data("targets")


def runtime_dir() -> Path:
    """Return the folder of the C runtime (``include/`` below it)."""
    return _data("runtime")
