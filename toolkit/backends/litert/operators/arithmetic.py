"""Two operands that broadcast."""

from __future__ import annotations

from toolkit.backends.litert.graph import Graph
from toolkit.lower.ir import Step, Value
from toolkit.ops.broadcast import integer_operands
from toolkit.ops.selection import one_scale_operands
from toolkit.program.tflite.writer import options


def add(step: Step, graph: Graph) -> None:
    """``a + b``."""
    _binary(step, graph, "ADD", 2)


def sub(step: Step, graph: Graph) -> None:
    """``a - b``."""
    _binary(step, graph, "SUB", 3)


def mul(step: Step, graph: Graph) -> None:
    """``a * b``."""
    _binary(step, graph, "MUL", 2)


def minimum(step: Step, graph: Graph) -> None:
    """The smaller one."""
    _selected(step, graph, "MINIMUM")


def maximum(step: Step, graph: Graph) -> None:
    """The larger one."""
    _selected(step, graph, "MAXIMUM")


def _binary(step: Step, graph: Graph, name: str, version: int) -> None:
    kind, made = graph.fused(step)
    inputs = [_operand(value, graph) for value in integer_operands(step)]
    table = options(name.title(), fusedActivationFunction=kind)
    if hasattr(table, "potScaleInt16"):
        table.potScaleInt16 = False
    graph.add(name, inputs, made, table, 4 if made.dtype == "int16" else version)
    graph.finish(step, made)


def _selected(step: Step, graph: Graph, name: str) -> None:
    inputs = [_operand(value, graph) for value in one_scale_operands(step)]
    graph.add(name, inputs, step.output, options("MaximumMinimum"), 2)


def _operand(value: Value, graph: Graph) -> Value:
    return value if value.data is None else graph.constant(value.name, value.data, value.quant)
