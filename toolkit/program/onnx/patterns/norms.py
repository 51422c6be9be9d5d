"""LayerNorm and RMSNorm that exporters write as means, squares and roots."""

from __future__ import annotations

from toolkit.program.onnx.node import RawNode
from toolkit.program.onnx.patterns.graph import Graph


def layer_norm(graph: Graph, raw: RawNode) -> RawNode | None:
    """``(x - mean) / sqrt(var + eps) * scale + bias`` over the last axis."""
    outer = graph.split(raw) if raw.op == "Add" and not raw.domain else None
    scaled = graph.maker(outer[0], "Mul") if outer else None
    inner = graph.split(scaled) if scaled else None
    if outer is None or inner is None:
        return None
    found = _normalized(graph, inner[0])
    scale, bias = graph.array(inner[1]), graph.array(outer[1])
    if found is None or scale is None or bias is None or scale.ndim != 1 or scale.shape != bias.shape:
        return None
    x, eps = found
    return RawNode(
        "LayerNormalization", [x, inner[1], outer[1]], raw.outputs, {"epsilon": eps, "axis": -1}, raw.label
    )


def _normalized(graph: Graph, name: str) -> tuple[str, float] | None:
    div = graph.maker(name, "Div")
    sub = graph.maker(div.inputs[0], "Sub", only_reader=False) if div else None
    if div is None or sub is None:
        return None
    root = graph.maker(div.inputs[1], "Sqrt")
    mean = graph.maker(sub.inputs[1], "ReduceMean", only_reader=False)
    found = _mean_of_squares(graph, root.inputs[0]) if root else None
    if mean is None or found is None or mean.inputs[0] != sub.inputs[0] or not _over_last(graph, mean):
        return None
    squared, eps = found
    other = graph.maker(squared, "Sub", only_reader=False)
    same = other is not None and other.inputs == sub.inputs
    return (sub.inputs[0], eps) if same else None


def rms_norm(graph: Graph, raw: RawNode) -> RawNode | None:
    """``x / sqrt(mean(x^2) + eps) * scale`` over the last axis."""
    parts = graph.split(raw) if raw.op == "Mul" and not raw.domain else None
    scale = graph.array(parts[1]) if parts else None
    made = graph.maker(parts[0], "Mul", "Div") if parts else None
    if parts is None or made is None or scale is None or scale.ndim != 1:
        return None
    for x, other in (made.inputs, made.inputs[::-1]) if made.op == "Mul" else (made.inputs,):
        if made.op == "Mul":
            reciprocal = graph.maker(other, "Reciprocal", "Div")
            if reciprocal is None or (
                reciprocal.op == "Div" and not graph.is_number(reciprocal.inputs[0], 1)
            ):
                continue
            other = reciprocal.inputs[-1]
        root = graph.maker(other, "Sqrt")
        found = _mean_of_squares(graph, root.inputs[0]) if root else None
        if found is not None and found[0] == x:
            return RawNode("RMSNormalization", [x, parts[1]], raw.outputs, {"epsilon": found[1]}, raw.label)
    return None


def _mean_of_squares(graph: Graph, name: str) -> tuple[str, float] | None:
    """Return x and eps of ``mean(x^2) + eps`` over the last axis."""
    add = graph.maker(name, "Add")
    parts = graph.split(add) if add else None
    eps = graph.number(parts[1]) if parts else None
    mean = graph.maker(parts[0], "ReduceMean") if parts else None
    square = graph.maker(mean.inputs[0], "Pow", "Mul") if mean and _over_last(graph, mean) else None
    if square is None or eps is None or len(square.inputs) != 2:
        return None
    x, other = square.inputs
    if (square.op == "Pow" and graph.is_number(other, 2)) or (square.op == "Mul" and other == x):
        return x, eps
    return None


def _over_last(graph: Graph, mean: RawNode) -> bool:
    axes = mean.attributes.get("axes")
    if axes is None and len(mean.inputs) > 1:
        tensor = graph.tensors.get(mean.inputs[1])
        axes = None if tensor is None or tensor.data is None else tensor.data.ravel().tolist()
    return axes == [-1] and bool(mean.attributes.get("keepdims", 1))
