"""``.onnx`` files for ONNX Runtime: quantize and dequantize nodes with float operators between them, or float32."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.runtimes.kind import Kind, Made

if TYPE_CHECKING:
    from torch.export import ExportedProgram

# What is no arithmetic in float32: conversions at the ends, integer kernels, and what only moves values.
_NO_FLOAT = ("Quantize", "Dequantize", "QLinear", "QGemm", "MatMulInteger", "ConvInteger", "Constant", "Cast")
_MOVES = {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Concat", "Pad", "Gather", "MaxPool",
          "Expand", "Split", "Identity", "Shape", "ReorderInput", "ReorderOutput"}  # fmt: skip


def _write(program: ExportedProgram, path: Path, _backend: str) -> Made:
    from toolkit.backends.onnx.write import write
    from toolkit.runtimes.programs import is_quantized

    weights = write(program, path)
    return Made(sum(weight.bytes for weight in weights), in_float(path) if is_quantized(program) else [])


def in_float(path: Path) -> list[str]:
    """Return the operators of a quantized file that ONNX Runtime computes in float32, once each."""
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="toolkit-onnx-") as folder:
        optimized = Path(folder) / "optimized.onnx"
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath, options.log_severity_level = str(optimized), 3
        options.intra_op_num_threads = 1
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(optimized, load_external_data=False).graph
    found = {node.op_type for node in graph.node}
    return sorted(name for name in found - _MOVES if not name.startswith(_NO_FLOAT))


_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
KINDS = [
    Kind("onnx", "cpu", "int8", "int8.onnx", _PACKAGES, _write),
    Kind("onnx", "cpu", "int16", "int16.onnx", _PACKAGES, _write, as_given=True),
    Kind("onnx", "cpu", "float32", "float32.onnx", _PACKAGES, _write),
]
