"""Between floats and integers."""

from __future__ import annotations

from toolkit.backends.litert.graph import Graph
from toolkit.lower.ir import Step
from toolkit.program.tflite.writer import options


def quantize(step: Step, graph: Graph) -> None:
    """Floats to integers; LiteRT rounds halves away from zero, torch to even."""
    graph.add("QUANTIZE", [step.inputs[0]], step.output, options("Quantize"))


def dequantize(step: Step, graph: Graph) -> None:
    """Integers to floats."""
    graph.add("DEQUANTIZE", [step.inputs[0]], step.output, options("Dequantize"), 2)
