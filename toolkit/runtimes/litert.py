"""``.tflite`` files for LiteRT, as ``ai-edge-litert`` or the older ``tflite-runtime`` run them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.runtimes.kind import Kind, Made

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def _write(program: ExportedProgram, path: Path, _backend: str) -> Made:
    from toolkit.backends.litert.run import layout
    from toolkit.backends.litert.write import write

    weights = write(program, path)
    described = layout(path)
    return Made(
        sum(weight.bytes for weight in weights),
        left_to_built_in_kernels(path),
        (described["inputs"], described["outputs"]),
    )


def left_to_built_in_kernels(path: Path) -> list[str]:
    """Return the operators that XNNPACK does not take, once each.

    LiteRT lists all nodes of the file and, behind them, one for each part that it handed over. Such a part is what lies
    between its inputs and its outputs.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    nodes = interpreter._get_ops_details()
    own = [node for node in nodes if node["op_name"] != "DELEGATE"]
    maker = {int(tensor): node["index"] for node in own for tensor in node["outputs"]}
    taken: set[int] = set()
    for part in (node for node in nodes if node["op_name"] == "DELEGATE"):
        seen, ahead = set(map(int, part["inputs"])), [int(tensor) for tensor in part["outputs"]]
        while ahead:
            tensor = ahead.pop()
            if tensor not in seen and tensor in maker:
                taken.add(maker[tensor])
                ahead += [int(each) for each in own[maker[tensor]]["inputs"]]
            seen.add(tensor)
    return sorted({node["op_name"] for node in own if node["index"] not in taken})


_PACKAGES = ("ai_edge_litert.interpreter",)
KINDS = [
    Kind("litert", "cpu", "int8", "int8.tflite", _PACKAGES, _write, rounding="litert"),
    Kind("litert", "cpu", "int16", "int16.tflite", _PACKAGES, _write, rounding="litert"),
    Kind("litert", "cpu", "float32", "float32.tflite", _PACKAGES, _write, rounding="litert"),
]
