"""Which version of a package or of a program is installed."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess

_TIMEOUT_S = 20


def package_version(name: str) -> str:
    """Return the version of a Python package, or nothing where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def program_version(program: str) -> str:
    """Return the line of what ``program --version`` prints that has a version in it."""
    try:
        result = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "does not start"
    lines = (result.stdout.strip() or result.stderr.strip()).splitlines()
    return next((line for line in lines if re.search(r"\d\.\d", line)), "")
