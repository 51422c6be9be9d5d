"""Read a ``.tflite`` file: untrusted bytes in, an ``ImportedGraph`` out, integers as the file has them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import MISSING, ToolkitError

if TYPE_CHECKING:
    from toolkit.program.imported import ImportedGraph

LARGEST_BYTES = 2**31 - 1  # what 32-bit signed offsets reach


def read(path: Path) -> ImportedGraph:
    """Return the model in the ``.tflite`` file ``path``, layers named ``<operator>_<index>``.

    Inputs and outputs keep the file's layout (NHWC) and types; their names are those of its signature, else of
    its tensors.

    Raises:
        ToolkitError: the file is missing or damaged; all operators in it that nothing here computes, listed at once;
            or the package that knows the format is not installed.
    """
    try:
        import ai_edge_litert.schema_py_generated  # noqa: F401 - asked for here, used below
    except ImportError as error:
        raise ToolkitError(
            "reading .tflite files needs the package ai-edge-litert",
            at=str(path),
            fix='pip install "edge-toolkit[litert]"',
            exit_code=MISSING,
        ) from error
    from toolkit.program.tflite.file import parse
    from toolkit.program.tflite.graph import imported

    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise ToolkitError(
                f"{path.name} has {size:,} bytes, more than a .tflite file can have", at=str(path)
            )
        data = path.read_bytes()
    except OSError as error:
        raise ToolkitError(
            f"{path.name} cannot be read: {error.strerror}", at=str(path), fix="check the path"
        ) from error
    return imported(parse(data, str(path)))
