"""ONNX models built for tests, and what ONNX Runtime makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

OPSET = 21  # the newest that ONNX Runtime's quantizer writes; single tests use others
Shapes = Mapping[str, Sequence[Any]]


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> onnx.NodeProto:
    """Return a node named after its first output; ``domain`` may be among the attributes."""
    return helper.make_node(op, list(inputs), list(outputs), name=f"node_{outputs[0]}", **attributes)


def model(
    nodes: Iterable[onnx.NodeProto],
    inputs: Shapes,
    outputs: Iterable[str],
    constants: Mapping[str, np.ndarray] | None = None,
    *,
    opset: int = OPSET,
    types: Mapping[str, int] | None = None,
) -> onnx.ModelProto:
    """Return a model; tensors are float32 unless ``types`` says otherwise, outputs of unknown shape."""
    types = types or {}
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info(n, types.get(n, TensorProto.FLOAT), s) for n, s in inputs.items()],
        [_output(n, types.get(n, TensorProto.FLOAT)) for n in outputs],
        [numpy_helper.from_array(np.asarray(data), n) for n, data in (constants or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10 if opset <= 24 else onnx.IR_VERSION)


def _output(name: str, data_type: int) -> onnx.ValueInfoProto:
    value = onnx.ValueInfoProto(name=name)
    value.type.tensor_type.elem_type = data_type
    return value


def run_original(path: Path, feeds: Mapping[str, np.ndarray], *, optimize: bool = True) -> list[np.ndarray]:
    """Return what ONNX Runtime computes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(feeds))


def run_program(program: torch.export.ExportedProgram, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return what the exported program computes."""
    with torch.no_grad():
        return [out.numpy() for out in program.module()(*(torch.from_numpy(x) for x in inputs))]


def run_each(program: torch.export.ExportedProgram, samples: np.ndarray) -> np.ndarray:
    """Return what the exported program, of one input and output, computes for each sample."""
    module = program.module()
    with torch.no_grad():
        return np.concatenate([module(torch.from_numpy(one[None]))[0].numpy() for one in samples])
