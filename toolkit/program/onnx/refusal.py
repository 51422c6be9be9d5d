"""How a file is refused."""

from __future__ import annotations

from toolkit.errors import ToolkitError


class UnsupportedError(Exception):
    """One node that cannot be imported; the reader gathers them and lists them together."""


def refuse(what: str, fix: str = "write the file again with the framework it came from") -> ToolkitError:
    """Return the error for a file that cannot be read; its place is added by `toolkit.program.onnx.read`."""
    return ToolkitError(f"not a usable ONNX file: {what}", fix=fix)
