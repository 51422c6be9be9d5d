"""Operators without an int8 kernel that could be used: on integers they are computed in float32 in between.

What LiteRT makes of them may be a step away from our integers. int8 DIV shifts quotients near zero by more than 31
bits, int8 SUM reads its values as unsigned, and no normalization has an int8 kernel.
"""

from __future__ import annotations

import numpy as np

from toolkit.backends.litert.graph import Graph, Unsupported
from toolkit.lower.ir import Step, Value
from toolkit.ops import operators
from toolkit.ops.normalization import Normalization
from toolkit.program.tflite.writer import options


def div(step: Step, graph: Graph) -> None:
    """``a / b``."""
    y, bounded = step.output, step.attrs.get("activation") is not None
    made = graph.between(y, dtype="float32", quant=None) if bounded or y.quant is not None else y
    graph.add("DIV", [graph.real(value) for value in step.inputs], made, options("Div"))
    if y.quant is not None:
        quotient, made = made, graph.between(y) if bounded else y
        graph.add("QUANTIZE", [quotient], made, options("Quantize"))
    graph.finish(step, made)


def sum(step: Step, graph: Graph) -> None:
    """Over any axes."""
    made = graph.real_output(step)
    inputs = [graph.real(step.inputs[0]), graph.integers(step.attrs["axes"])]
    graph.add("SUM", inputs, made, options("Reducer", keepDims=True))
    graph.quantized(made, step)


def layer_norm(step: Step, graph: Graph) -> None:
    """Each row to mean 0 and variance 1, times gamma, plus beta."""
    operator = operators()[step.op]
    assert isinstance(operator, Normalization)
    rows = operator.rows(step)
    if rows.groups not in (1, rows.rows):
        raise Unsupported(f"{rows.rows} rows in {rows.groups} groups")
    x = graph.real(step.inputs[0])
    flat = graph.between(x, (rows.rows, rows.channels, rows.inner))
    graph.reshaped(x, flat)
    if operator.centred:
        flat = graph.two("SUB", flat, _mean(graph, flat))
    variance = _mean(graph, graph.two("MUL", flat, flat))
    shifted = graph.two("ADD", variance, graph.number(step.attrs["eps"], variance))
    flat = graph.two("MUL", flat, graph.one("RSQRT", shifted))
    for name, parameter in zip(("MUL", "ADD"), step.inputs[1:], strict=False):
        assert parameter.data is not None
        data = parameter.data.astype(np.float32).reshape(rows.groups, rows.channels, 1)
        flat = graph.two(name, flat, graph.constant(parameter.name, data))
    made = graph.real_output(step)
    graph.reshaped(flat, made)
    graph.quantized(made, step)


def rms_norm(step: Step, graph: Graph) -> None:
    """Each row to a mean square of 1, times gamma."""
    layer_norm(step, graph)


def group_norm(step: Step, graph: Graph) -> None:
    """As ``layer_norm``, over groups of channels."""
    layer_norm(step, graph)


def _mean(graph: Graph, x: Value) -> Value:
    made = graph.between(x, (x.shape[0], 1, 1))
    graph.add("MEAN", [x, graph.integers([1, 2])], made, options("Reducer", keepDims=True))
    return made
