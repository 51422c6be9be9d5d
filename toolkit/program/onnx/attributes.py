"""A node's attributes as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.program.onnx.refusal import refuse
from toolkit.program.onnx.tensors import read_tensor

if TYPE_CHECKING:
    import onnx

_FLOAT, _INT, _STRING, _TENSOR, _FLOATS, _INTS, _STRINGS = 1, 2, 3, 4, 6, 7, 8
_GRAPH, _GRAPHS = 5, 10
_EXTERNAL = 1


def read_attributes(proto: onnx.NodeProto, folder: Path, label: str) -> tuple[dict[str, Any], bool]:
    """Return a node's attributes by name, and whether it has graphs of its own, which are left out.

    Raises:
        ToolkitError: an attribute of another kind, or a tensor that lies about its size.
    """
    found: dict[str, Any] = {}
    subgraphs = False
    for attribute in proto.attribute:
        kind = attribute.type
        if kind in (_GRAPH, _GRAPHS):
            subgraphs = True
        elif kind == _FLOAT:
            found[attribute.name] = float(attribute.f)
        elif kind == _INT:
            found[attribute.name] = int(attribute.i)
        elif kind == _STRING:
            found[attribute.name] = attribute.s
        elif kind == _TENSOR:
            if attribute.t.data_location == _EXTERNAL:
                raise refuse(f"a constant of {label} is stored in another file", "save the model as one file")
            found[attribute.name] = read_tensor(attribute.t, folder, f"{attribute.name} of {label}")
        elif kind == _FLOATS:
            found[attribute.name] = [float(v) for v in attribute.floats]
        elif kind == _INTS:
            found[attribute.name] = [int(v) for v in attribute.ints]
        elif kind == _STRINGS:
            found[attribute.name] = list(attribute.strings)
        else:
            raise refuse(f"the attribute {attribute.name} of {label} is of a kind that is not supported")
    return found, subgraphs
