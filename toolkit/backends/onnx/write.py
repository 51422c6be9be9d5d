"""From an exported program to an ``.onnx`` file: torch's exporter, then what a runtime needs for integer kernels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import onnx
import torch
from torch.export import ExportedProgram

import toolkit
from quantize.quiet import quiet
from toolkit.backends.formats import StoredWeight
from toolkit.backends.onnx.averages import round_halves_away
from toolkit.backends.onnx.biases import integer_biases
from toolkit.backends.onnx.graph import Graph
from toolkit.backends.onnx.movers import move_integers
from toolkit.backends.onnx.narrow import Range, narrow_weights, opset
from toolkit.backends.onnx.transposes import transpose_weights
from toolkit.backends.onnx.unsigned import make_unsigned
from toolkit.errors import ToolkitError, first_line
from toolkit.program.clean import layer_name
from toolkit.program.decompose import expand

_QUANTIZE = "quantized_decomposed.quantize_per_"
_SCOPES = "pkg.torch.onnx.name_scopes"  # metadata of the exporter: module paths, then the operator
# what reads weights; other constants of several axes are masks, tables of positions, rounded biases
_WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Gather", "Cast", "DequantizeLinear"}
_INT16_OPSET = 21
_DEQUANTIZE = "quantized_decomposed.dequantize_per_"


def write(program: ExportedProgram, path: Path) -> list[StoredWeight]:
    """Write ``program`` as a QDQ model of the lowest opset that has its types; see ``backends.formats.Format``."""
    expanded = expand(program)
    _check_ranges(expanded)
    ranges = _ranges(expanded)
    made = _convert(expanded, max(opset(ranges), _INT16_OPSET if _has_int16(expanded) else 0))
    layers = _layers(made)
    graph = Graph(onnx.shape_inference.infer_shapes(made))
    transpose_weights(graph)
    move_integers(graph)
    integer_biases(graph)
    round_halves_away(graph)
    narrow_weights(graph, ranges)
    make_unsigned(graph)
    model = graph.finish()
    model.ir_version = onnx.helper.find_min_ir_version_for(model.opset_import)
    model.producer_name, model.producer_version = "edge-toolkit", toolkit.__version__
    onnx.save(model, path)
    onnx.checker.check_model(path, full_check=True)
    read = {name for node in model.graph.node if node.op_type in _WEIGHTED for name in node.input}
    weights = [tensor for tensor in model.graph.initializer if tensor.name in read and len(tensor.dims) > 1]
    return [_stored(tensor, layers) for tensor in weights]


def _convert(program: ExportedProgram, opset_version: int) -> onnx.ModelProto:
    with quiet():
        try:
            made = torch.onnx.export(program, dynamo=True, opset_version=opset_version, verbose=False)
        except torch.onnx.OnnxExporterError as error:
            raise _refusal(program, error) from error
    assert made is not None
    return made.model_proto


def _refusal(program: ExportedProgram, error: Exception) -> ToolkitError:
    """Name every layer with the operator that the exporter has stopped at."""
    said = str(error.__cause__ or error)
    stopped = re.search(r"target=torch\.ops\.\w+\.(\w+)", said)
    if stopped is None:
        return ToolkitError(f"torch cannot write the model as ONNX: {first_line(error.__cause__ or error)}")
    operator = stopped[1]  # after decomposition: bessel_j0 of special_bessel_j0
    layers = dict.fromkeys(layer_name(node) for node in program.graph.nodes if operator in str(node.target))
    return ToolkitError(
        f"{operator} has no ONNX operator that torch knows",
        at="\n      ".join(layers),
        fix="replace it in the model, or use --format c",
    )


def _check_ranges(program: ExportedProgram) -> None:
    """QuantizeLinear saturates at the ends of its type, so the range must be those."""
    narrow = []
    for node in _calls(program, _QUANTIZE):
        low, high, dtype = node.args[-3:]
        limits = torch.iinfo(dtype)
        if (low, high) != (limits.min, limits.max):
            narrow.append(f"{layer_name(node)} ({low}..{high})")
    if narrow:
        raise ToolkitError(
            "an activation's range is narrower than its type, which ONNX cannot say",
            at="\n      ".join(narrow),
            fix="quantize with the whole range of int8, or use --format c",
        )


def _has_int16(program: ExportedProgram) -> bool:
    return any(node.args[-1] == torch.int16 for node in _calls(program, _QUANTIZE))


def _ranges(program: ExportedProgram) -> dict[str, Range]:
    """Return the range of each dequantized constant, by its name."""
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    names |= signature.inputs_to_lifted_tensor_constants
    found = {}
    for node in _calls(program, _DEQUANTIZE):
        name = names.get(node.all_input_nodes[0].name)
        if name is not None:
            low, high = node.args[-3:-1]
            found[name] = (int(low), int(high))
    return found


def _calls(program: ExportedProgram, target: str) -> list[Any]:
    return [node for node in program.graph.nodes if str(node.target).startswith(target)]


def _layers(model: onnx.ModelProto) -> dict[str, str]:
    """Name nodes after the layers they are of; return, by constant, the layer that reads it first."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for node in model.graph.node:
        scopes = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "")
        *modules, _ = re.findall(r"'([^']*)'", scopes) or [""]
        path = [module for module in modules if module]
        if not path or node.op_type == "Transpose":
            continue
        node.name = path[-1] if path[-1] not in taken else f"{path[-1]}.{node.output[0]}"
        taken.add(node.name)
        for name in node.input:
            found.setdefault(name, path[-1])
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.output[0] in found:
            found.setdefault(node.input[0], found[node.output[0]])
    return found


def _stored(tensor: onnx.TensorProto, layers: dict[str, str]) -> StoredWeight:
    owner, _, own = tensor.name.rpartition(".")
    layer = owner if own == "weight" else tensor.name if owner else layers.get(tensor.name, tensor.name)
    return StoredWeight(
        layer, onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).name, len(tensor.raw_data)
    )
