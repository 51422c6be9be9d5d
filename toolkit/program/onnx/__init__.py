"""ONNX models: float, QDQ and QOperator int8, from opset 13 on (older ones are converted).

``file`` reads the bytes, ``graph`` turns nodes into layers by the rules in ``operators``; ``folding`` computes
constants, ``patterns`` puts operators together that exporters take apart, ``qoperator`` takes those on integers apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from toolkit.program.imported import ImportedGraph


def read(path: Path) -> ImportedGraph:
    """Return the model in a ``.onnx`` file, which may be a stranger's.

    A batch that the file leaves open becomes 1. 16- and 64-bit floating-point numbers become float32. Integers of
    type uint8 become int8, 128 less, inputs and outputs among them.

    Raises:
        ToolkitError: the file cannot be read, lies, or holds what cannot be imported, all of it listed.
    """
    from toolkit.program.onnx import file, graph, native

    path = Path(path)
    try:
        model = file.load(path)
        return graph.GraphReader(model, path.parent, native.check).read()
    except ToolkitError as error:
        error.at = f"{path}: {error.at}" if error.at else str(path)
        raise
