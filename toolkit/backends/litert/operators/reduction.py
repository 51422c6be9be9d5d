"""Reductions over axes; the largest value's place."""

from __future__ import annotations

from toolkit.backends.litert.graph import Graph
from toolkit.lower.ir import Step
from toolkit.program.tflite.writer import options


def mean(step: Step, graph: Graph) -> None:
    """The mean."""
    _reduced(step, graph, "MEAN")


def amax(step: Step, graph: Graph) -> None:
    """The largest."""
    _reduced(step, graph, "REDUCE_MAX")


def amin(step: Step, graph: Graph) -> None:
    """The smallest."""
    _reduced(step, graph, "REDUCE_MIN")


def argmax(step: Step, graph: Graph) -> None:
    """The place of the largest value, the first of equals."""
    x, y, axis = step.inputs[0], step.output, step.attrs["axis"]
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    made = y if y.shape == shape else graph.between(y, shape)
    graph.add("ARG_MAX", [x, graph.integers([axis])], made, options("ArgMax", outputType=2), 2)
    if made is not y:
        graph.reshaped(made, y)


def _reduced(step: Step, graph: Graph, name: str) -> None:
    axes = graph.integers(step.attrs["axes"])
    graph.add(name, [step.inputs[0], axes], step.output, options("Reducer", keepDims=True), 2)
