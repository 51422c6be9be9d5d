"""Images of another size."""

from __future__ import annotations

from dataclasses import replace

from toolkit.backends.litert.graph import Graph, Unsupported
from toolkit.lower.ir import Step
from toolkit.ops.resize import along, linear, linear_integer, nearest
from toolkit.program.tflite.writer import options


def resize_nearest(step: Step, graph: Graph) -> None:
    """The nearest pixels."""
    x, y = step.inputs[0], step.output
    if along(step, nearest) == along(_by_sizes(step), nearest):
        _resized(step, graph, "ResizeNearestNeighbor", "RESIZE_NEAREST_NEIGHBOR")
        return
    rows, columns = along(step, nearest)
    tall = graph.between(x, (1, len(rows), *x.shape[2:]))
    graph.add("GATHER", [x, graph.integers(rows)], tall, options("Gather", axis=1), 2)
    graph.add("GATHER", [tall, graph.integers(columns)], y, options("Gather", axis=2), 2)


def resize_bilinear(step: Step, graph: Graph) -> None:
    """Between the pixels around."""
    positions = linear if step.output.quant is None else linear_integer
    if along(step, positions) != along(_by_sizes(step), positions):
        raise Unsupported(f"a factor of {step.attrs['scales']} that the sizes do not say")
    _resized(step, graph, "ResizeBilinear", "RESIZE_BILINEAR")


def _by_sizes(step: Step) -> Step:
    return replace(step, attrs={**step.attrs, "scales": (0.0, 0.0)})


def _resized(step: Step, graph: Graph, kind: str, name: str) -> None:
    flags = {"alignCorners": step.attrs["corners"], "halfPixelCenters": step.attrs["half_pixel"]}
    graph.add(
        name, [step.inputs[0], graph.integers(step.output.shape[1:3])], step.output, options(kind, **flags), 3
    )
