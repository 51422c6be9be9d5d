"""Check that the shapes and dtypes written in a program are those that its operators compute.

Everything behind sizes its buffers by what is written; a file that lies there must not get that far.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import ExportedProgram

from toolkit.program.pt2_errors import refuse


def check_shapes(program: ExportedProgram) -> None:
    """Run ``program`` on tensors without data and compare every result with its description.

    Raises:
        ToolkitError: a result has another shape or dtype than written, or an operator refuses its arguments.
    """
    written = [node.meta["val"] for node in program.graph.find_nodes(op="placeholder")]
    with FakeTensorMode(), torch.no_grad():
        inputs = [torch.empty_strided(val.shape, val.stride(), dtype=val.dtype) for val in written]
        _Comparison(program.graph_module).run(*inputs, enable_io_processing=False)


class _Comparison(fx.Interpreter):
    def run_node(self, node: fx.Node) -> Any:
        try:
            result = super().run_node(node)
        except Exception as error:  # operators check their arguments with exceptions of all kinds
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise refuse(f"the operation {node.name} cannot run ({lines[0][:200]})") from error
        if node.op == "call_function" and _kinds(result) != _kinds(node.meta.get("val")):
            raise refuse(f"the operation {node.name} computes another shape or dtype than is written there")
        return result


def _kinds(value: Any) -> Any:
    """Return shape and dtype of each tensor in a result."""
    if isinstance(value, torch.Tensor):
        return (tuple(value.shape), value.dtype)
    if isinstance(value, (tuple, list)):
        return [_kinds(item) for item in value]
    return value
