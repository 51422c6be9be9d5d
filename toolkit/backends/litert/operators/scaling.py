"""Between floats and integers."""

from __future__ import annotations

from toolkit.backends.litert.graph import Graph, Unsupported
from toolkit.lower.ir import Step, Value
from toolkit.program.tflite.writer import options


def quantize(step: Step, graph: Graph) -> None:
    """Floats to integers; LiteRT rounds halves away from zero, torch to even."""
    _one_scale(step.output)
    graph.add("QUANTIZE", [step.inputs[0]], step.output, options("Quantize"))


def dequantize(step: Step, graph: Graph) -> None:
    """Integers to floats."""
    _one_scale(step.inputs[0])
    graph.add("DEQUANTIZE", [step.inputs[0]], step.output, options("Dequantize"), 2)


def _one_scale(integers: Value) -> None:
    if integers.quant is not None and not integers.quant.per_tensor:
        raise Unsupported("a scale per channel for values that change from run to run")
    if integers.dtype == "int32":
        raise Unsupported("int32 values that stand for reals")
